package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote/localfs/simfs"
	"postern/vfs"
)

const dir = "/home/journal"

func key(salt [32]byte) crypto.FrameKey { return crypto.AccountSecret{7}.Frames(salt) }

// open opens a journal on a simulated disk, with small files.
func open(t testing.TB, sim *simfs.FS) *Journal {
	t.Helper()
	j, err := Open(dir, key, Options{FS: sim, SegmentSize: 4 << 10, Clock: func() time.Time { return time.Unix(1000, 5) }})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// want is what was passed to Append.
type want struct {
	op         string
	attachment []byte
}

func sample(i int) want {
	w := want{op: fmt.Sprintf("op %d", i)}
	if i%3 == 0 {
		w.attachment = bytes.Repeat([]byte{byte(i), byte(i >> 8), 'x'}, 100+i%50)
	}
	return w
}

func add(t testing.TB, j *Journal, from, n int) (last uint64) {
	t.Helper()
	for i := range n {
		w := sample(from + i)
		seq, err := j.Append([]byte(w.op), w.attachment)
		if err != nil {
			t.Fatal(err)
		}
		last = seq
	}
	return last
}

// check replays and compares with samples, whose numbers are the sequence numbers.
func check(t testing.TB, j *Journal, first, last uint64) {
	t.Helper()
	next := first
	err := j.Replay(func(r Record) error {
		w := sample(int(r.Seq))
		if r.Seq != next || string(r.Op) != w.op || r.Size != len(w.attachment) || !r.Time.Equal(time.Unix(1000, 5)) {
			return fmt.Errorf("record %d: %+v, want number %d, %q", r.Seq, r, next, w.op)
		}
		if r.Size > 0 {
			got, err := j.Attachment(r.Attachment)
			if err != nil || !bytes.Equal(got, w.attachment) {
				return fmt.Errorf("attachment of %d: %v", r.Seq, err)
			}
			p := make([]byte, 10)
			if err := j.AttachmentRange(r.Attachment, 7, p); err != nil || !bytes.Equal(p, w.attachment[7:17]) {
				return fmt.Errorf("attachment range of %d: %v", r.Seq, err)
			}
		} else if !r.Attachment.IsZero() {
			return fmt.Errorf("record %d has an attachment", r.Seq)
		}
		next++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if next != last+1 {
		t.Fatalf("replay ended before %d, want %d", next, last+1)
	}
}

func TestReplay(t *testing.T) {
	sim := simfs.New()
	j := open(t, sim)
	check(t, j, 1, 0)
	if last := add(t, j, 1, 100); last != 100 {
		t.Fatalf("the 100th record has number %d", last)
	}
	check(t, j, 1, 100)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, sim)
	check(t, j, 1, 100)
	add(t, j, 101, 50)
	check(t, j, 1, 150)
	if s := j.Pending(); s.Records != 150 || s.Next != 151 || !s.Oldest.Equal(time.Unix(1000, 5)) || s.Bytes < 150*57 {
		t.Errorf("pending %+v", s)
	}
	j.Close()
	check(t, open(t, sim), 1, 150)
}

func TestTrim(t *testing.T) {
	sim := simfs.New()
	j := open(t, sim)
	add(t, j, 1, 200)
	before := sim.Used()
	var names []crypto.BlobName
	j.Replay(func(r Record) error { names = append(names, r.Attachment); return nil })
	if err := j.Trim(120); err != nil {
		t.Fatal(err)
	}
	if s := j.Pending(); s.Records != 80 {
		t.Errorf("%d records are pending after a trim to 120 of 200", s.Records)
	}
	if sim.Used() > before*3/4 {
		t.Errorf("%d of %d bytes are left", sim.Used(), before)
	}
	var first uint64
	j.Replay(func(r Record) error {
		if first == 0 {
			first = r.Seq
		}
		return nil
	})
	if first <= 1 || first > 121 {
		t.Errorf("the first record left is %d", first)
	}
	check(t, j, first, 200)
	if _, err := j.Attachment(names[2]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a trimmed attachment: %v", err)
	}
	if _, err := j.Attachment(names[149]); err != nil {
		t.Errorf("a kept attachment: %v", err)
	}
	if err := j.Trim(1 << 40); err != nil {
		t.Fatal(err)
	}
	if s := j.Pending(); s.Records != 0 || s.Bytes != 0 || !s.Oldest.IsZero() || s.Next != 201 {
		t.Errorf("pending %+v", s)
	}
	if n := sim.Used(); n != headerSize {
		t.Errorf("an empty journal takes %d bytes", n)
	}
}

// TestNumbersNeverRepeat checks that numbers continue over empty journals and any number of restarts.
func TestNumbersNeverRepeat(t *testing.T) {
	sim := simfs.New()
	next := uint64(1)
	for round := range 12 {
		j := open(t, sim)
		if s := j.Pending(); s.Next != next {
			t.Fatalf("round %d: next is %d, want %d", round, s.Next, next)
		}
		if round%3 != 1 {
			next = add(t, j, int(next), round+1) + 1
		}
		if err := j.Trim(next - 1); err != nil {
			t.Fatal(err)
		}
		if round%2 == 0 {
			j.Close()
		}
	}
}

func TestFullDisk(t *testing.T) {
	sim := simfs.New()
	j := open(t, sim)
	last := add(t, j, 1, 20)
	for extra := range int64(400) {
		sim.SetCapacity(sim.Used() + extra)
		w := sample(300)
		if _, err := j.Append(bytes.Repeat([]byte("x"), 400), w.attachment); !errors.Is(err, vfs.ErrFull) {
			t.Fatalf("append with %d bytes of room: %v", extra, err)
		}
	}
	check(t, j, 1, last)
	sim.SetCapacity(-1)
	if seq := add(t, j, int(last)+1, 30); seq != last+30 {
		t.Errorf("the number after a full disk is %d", seq)
	}
	check(t, j, 1, last+30)
	if err := j.Sync(t.Context(), last+30); err != nil {
		t.Fatal(err)
	}
	check(t, open(t, sim.PowerLoss(rand.New(rand.NewPCG(1, 1)))), 1, last+30)
}

// TestFullDiskAtStart checks that a full disk prevents neither the start nor a trim, which frees space.
func TestFullDiskAtStart(t *testing.T) {
	sim := simfs.New()
	j := open(t, sim)
	last := add(t, j, 1, 200)
	j.Sync(t.Context(), last)
	sim.SetCapacity(sim.Used())
	j = open(t, sim)
	check(t, j, 1, last)
	if _, err := j.Append([]byte("more"), nil); !errors.Is(err, vfs.ErrFull) {
		t.Fatalf("append: %v", err)
	}
	if err := j.Trim(last); err != nil {
		t.Fatal(err)
	}
	if seq := add(t, j, int(last+1), 1); seq != last+1 {
		t.Errorf("number %d", seq)
	}
}

func TestFailedSyncPoisons(t *testing.T) {
	sim := simfs.New()
	j := open(t, sim)
	kept := add(t, j, 1, 3)
	if err := j.Sync(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	last := add(t, j, int(kept+1), 2)
	sim.FailSyncs(io.ErrUnexpectedEOF)
	if err := j.Sync(t.Context(), last); !errors.Is(err, ErrBroken) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("sync: %v", err)
	}
	sim.FailSyncs(nil)
	if err := j.Sync(t.Context(), last); !errors.Is(err, ErrBroken) {
		t.Errorf("second sync: %v", err)
	}
	if _, err := j.Append([]byte("x"), nil); !errors.Is(err, ErrBroken) {
		t.Errorf("append: %v", err)
	}
	if err := j.Trim(last); !errors.Is(err, ErrBroken) {
		t.Errorf("trim: %v", err)
	}
	check(t, j, 1, kept) // reading still works
	if broken := j.Broken(); !errors.Is(broken, ErrBroken) || j.Durable() != kept {
		t.Errorf("broken: %v, durable up to %d", broken, j.Durable())
	}
	j.Close()
	check(t, open(t, sim), 1, kept) // failed records are absent after a restart
}

// TestFailedSyncOfNewFilePoisons checks that a journal whose next file can't be synced is broken, whichever of the
// syncs fails. A full disk does not break it.
func TestFailedSyncOfNewFilePoisons(t *testing.T) {
	for _, where := range []string{tempSuffix, "/journal"} {
		sim := simfs.New()
		j, err := Open(dir, key, Options{FS: sim})
		if err != nil {
			t.Fatal(err)
		}
		sim.FailSyncsOf(func(path string) error {
			if strings.HasSuffix(path, where) {
				return io.ErrUnexpectedEOF
			}
			return nil
		})
		if _, err := j.Append([]byte("op"), nil); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: append: %v", where, err)
		}
		sim.FailSyncsOf(nil)
		if _, err := j.Append([]byte("op"), nil); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: append again: %v", where, err)
		}
		j.Close()
	}
}

func TestLimits(t *testing.T) {
	j := open(t, simfs.New())
	if _, err := j.Append(make([]byte, MaxOp+1), nil); !errors.Is(err, vfs.ErrTooLarge) {
		t.Errorf("a long op: %v", err)
	}
	if _, err := j.Append(nil, make([]byte, MaxAttachment+1)); !errors.Is(err, vfs.ErrTooLarge) {
		t.Errorf("a long attachment: %v", err)
	}
	if _, err := j.Append(make([]byte, MaxOp), make([]byte, MaxAttachment)); err != nil {
		t.Errorf("the longest record: %v", err)
	}
	if err := j.Sync(t.Context(), 2); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("sync of what isn't there: %v", err)
	}
	name := crypto.NameOf(make([]byte, MaxAttachment))
	if err := j.AttachmentRange(name, MaxAttachment-1, make([]byte, 2)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a range past the end: %v", err)
	}
	j.Close()
	if _, err := j.Append(nil, nil); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestSyncContext(t *testing.T) {
	sim := simfs.New()
	j := open(t, sim)
	last := add(t, j, 1, 1)
	entered, leave := make(chan struct{}), make(chan struct{})
	sim.OnSync(func() { close(entered); <-leave })
	leader := make(chan error)
	go func() { leader <- j.Sync(context.Background(), last) }()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Sync(ctx, last); !errors.Is(err, context.Canceled) {
		t.Errorf("a waiter whose context ended: %v", err)
	}
	sim.OnSync(nil)
	close(leave)
	if err := <-leader; err != nil {
		t.Error(err)
	}
}

// TestGroupCommit checks that during one sync all other callers gather and share the next.
func TestGroupCommit(t *testing.T) {
	sim := simfs.New()
	j := open(t, sim)
	first := add(t, j, 1, 1)
	entered, leave := make(chan struct{}), make(chan struct{})
	sim.OnSync(func() { sim.OnSync(nil); close(entered); <-leave })
	done := make(chan error)
	go func() { done <- j.Sync(context.Background(), first) }()
	<-entered
	before := sim.Syncs()
	for range 16 {
		last := add(t, j, 2, 1)
		go func() { done <- j.Sync(context.Background(), last) }()
	}
	close(leave)
	for range 17 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if n := sim.Syncs() - before; n > 3 {
		t.Errorf("17 records took %d syncs", n)
	}
}

func TestDamage(t *testing.T) {
	build := func(clean bool) (*simfs.FS, string) {
		sim := simfs.New()
		j, err := Open(dir, key, Options{FS: sim, Clock: func() time.Time { return time.Unix(1000, 5) }})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			j.Sync(t.Context(), add(t, j, i+1, 1))
		}
		if clean {
			j.Close()
		}
		return sim, dir + "/" + fileName(1)
	}
	sim, path := build(false)
	size := sim.Used()
	for off := range size {
		for _, clean := range []bool{false, true} {
			sim, _ := build(clean)
			if err := sim.Damage(path, off); err != nil {
				t.Fatal(err)
			}
			j, err := Open(dir, key, Options{FS: sim})
			switch {
			case errors.Is(err, ErrDamaged) && strings.Contains(err.Error(), path):
			case err != nil:
				t.Fatalf("byte %d: %v", off, err)
			default:
				// Only after the last record there is no frame whose writer knew that it was acknowledged.
				if clean {
					t.Fatalf("byte %d of a file that was closed was damaged and nobody noticed", off)
				}
				check(t, j, 1, 9)
			}
		}
	}
}

func TestAnotherAccount(t *testing.T) {
	sim := simfs.New()
	j := open(t, sim)
	add(t, j, 1, 3)
	j.Close()
	other := func(salt [32]byte) crypto.FrameKey { return crypto.AccountSecret{8}.Frames(salt) }
	if _, err := Open(dir, other, Options{FS: sim}); !errors.Is(err, ErrDamaged) {
		t.Errorf("another account's journal: %v", err)
	}
}

// TestMissingFile checks that a missing file in the middle is detected.
func TestMissingFile(t *testing.T) {
	sim := simfs.New()
	j := open(t, sim)
	add(t, j, 1, 200)
	j.Close()
	list, _ := sim.List(dir)
	if len(list) < 3 {
		t.Fatal("too few files")
	}
	sim.Remove(dir + "/" + list[1].Name)
	if _, err := Open(dir, key, Options{FS: sim}); !errors.Is(err, ErrDamaged) {
		t.Errorf("a missing file: %v", err)
	}
}
