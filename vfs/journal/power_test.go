package journal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"postern/remote/localfs/simfs"
	"postern/vfs"
)

// TestPowerLoss runs random histories on a disk that loses unsynced data at random moments, also while it is nearly
// full. Acknowledged records are always there, whole and in order, and no two of them have the same number.
func TestPowerLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		sim := simfs.New()
		reopen := func() *Journal {
			j, err := Open(dir, key, Options{FS: sim, SegmentSize: 3000})
			if err != nil {
				t.Fatal(err)
			}
			return j
		}
		j := reopen()
		model := map[uint64]want{}
		var acked, trimmed uint64
		dropped := map[uint64]bool{} // by compaction; they may still be there
		verify := func() {
			next := uint64(0)
			err := j.Replay(func(r Record) error {
				if next == 0 {
					next = r.Seq
				}
				for ; next < r.Seq && dropped[next]; next++ {
				}
				w, ok := model[r.Seq]
				if r.Seq != next || !ok || w.op != string(r.Op) {
					return fmt.Errorf("record %d where %d belongs: %q, want %q", r.Seq, next, r.Op, w.op)
				}
				if r.Size > 0 {
					if got, err := j.Attachment(r.Attachment); err != nil || !bytes.Equal(got, w.attachment) {
						return fmt.Errorf("attachment of %d: %v", r.Seq, err)
					}
				}
				next++
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			end := j.Pending().Next
			for ; next != 0 && next < end && dropped[next]; next++ {
			}
			if next != 0 && next != end || end <= acked {
				t.Fatalf("replay ended before %d, the next is %d, acknowledged are %d", next, end, acked)
			}
			for seq := trimmed + 1; next == 0 && dropped[seq]; seq++ {
				trimmed = seq
			}
			if next == 0 && acked > trimmed {
				t.Fatalf("nothing to replay, but %d to %d were acknowledged and not trimmed", trimmed+1, acked)
			}
		}
		steps := rapid.SliceOfN(rapid.IntRange(0, 99), 1, 80).Draw(t, "steps")
		for i, step := range steps {
			switch {
			case step < 55:
				w := sample(i*1000 + step)
				seq, err := j.Append([]byte(w.op), w.attachment)
				if err != nil && !errors.Is(err, vfs.ErrFull) {
					t.Fatal(err)
				}
				if err == nil {
					if seq <= acked {
						t.Fatalf("number %d was given again, acknowledged are %d", seq, acked)
					}
					model[seq] = w
				}
			case step < 70:
				last := j.Pending().Next - 1
				if err := j.Sync(t.Context(), last); err != nil {
					t.Fatal(err)
				}
				acked = last
			case step < 77:
				if acked > 0 {
					trimmed = max(trimmed, rnd.Uint64N(acked+1))
					if err := j.Trim(trimmed); err != nil {
						t.Fatal(err)
					}
				}
			case step < 79:
				mask, before := rnd.Uint64(), j.Pending().Next
				for seq := range before {
					if mask>>(seq%64)&1 == 1 {
						dropped[seq] = true
					}
				}
				err := j.Compact(before, func(seq uint64) bool { return !dropped[seq] })
				if err != nil && !errors.Is(err, vfs.ErrFull) {
					t.Fatal(err)
				}
				verify()
			case step < 81:
				sim.SetCapacity(sim.Used() + rnd.Int64N(2000))
			case step < 86:
				sim.SetCapacity(-1)
			case step < 90: // the process is killed, the system continues
				j = reopen()
				verify()
				acked = j.Pending().Next - 1
			default:
				sim = sim.PowerLoss(rnd)
				j = reopen()
				verify()
				acked = j.Pending().Next - 1 // everything that Open shows is durable
			}
		}
		sim = sim.PowerLoss(rnd)
		j = reopen()
		verify()
	})
}
