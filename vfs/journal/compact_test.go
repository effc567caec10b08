package journal

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"

	"postern/crypto"
	"postern/remote/localfs/simfs"
)

// TestCompact drops all but a few records from the middle. The others keep their numbers and attachments, also after a
// restart, and the room of the rest is free.
func TestCompact(t *testing.T) {
	sim := simfs.New()
	j := open(t, sim)
	last := add(t, j, 0, 1000) // many files
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, sim)
	spans, _ := j.Spans()
	needed := func(seq uint64) bool { return seq%100 == 7 }
	want := []uint64{7, 107, 207, 307, 407, 507, 607, 707, 807, 907}
	add(t, j, 1000, 1) // in a file of its own, which stays
	want = append(want, last+1)
	used, pending := sim.Used(), j.Pending()
	for range 2 { // the second time there is nothing to do
		if err := j.Compact(last+1, needed); err != nil {
			t.Fatal(err)
		}
		if got := seqs(t, j); !slices.Equal(got, want) {
			t.Fatalf("there are %v", got)
		}
	}
	if now := sim.Used(); now > used/5 {
		t.Errorf("it takes %d bytes of %d", now, used)
	}
	if s := j.Pending(); s.Records != len(want) || s.Bytes > pending.Bytes/5 || s.Next != last+2 {
		t.Errorf("%+v of %+v", s, pending)
	}
	look := func() {
		t.Helper()
		err := j.Replay(func(r Record) error {
			w := sample(int(r.Seq) - 1)
			if string(r.Op) != w.op {
				t.Errorf("record %d is %q", r.Seq, r.Op)
			}
			if r.Size > 0 {
				if got, err := j.Attachment(r.Attachment); err != nil || !bytes.Equal(got, w.attachment) {
					t.Errorf("the attachment of record %d: %v", r.Seq, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	look()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, sim)
	look()
	if got := seqs(t, j); !slices.Equal(got, want) {
		t.Fatalf("after a restart there are %v", got)
	}
	if now, _ := j.Spans(); now[0] != spans[0] {
		t.Errorf("the spans are %v instead of %v", now, spans)
	}
	if err := j.Trim(last); err != nil {
		t.Fatal(err)
	}
	if got := seqs(t, j); len(got) > 1 {
		t.Errorf("trimmed, there are %v", got)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Compact(last, needed); err == nil {
		t.Error("a closed journal is compacted")
	}
}

// TestCompactFails: a compaction that can't be written changes nothing; one whose new file can't be put in place breaks
// the journal, and a restart finds all needed records.
func TestCompactFails(t *testing.T) {
	sim := simfs.New()
	j := open(t, sim)
	last := add(t, j, 0, 300)
	sim.SetCapacity(sim.Used())
	needed := func(seq uint64) bool { return seq%10 == 1 }
	if err := j.Compact(last, needed); err == nil {
		t.Fatal("it found room")
	}
	if got := seqs(t, j); len(got) != 300 {
		t.Errorf("%d records are left", len(got))
	}
	sim.SetCapacity(-1)
	sim.FailSyncs(errors.New("broken disk"))
	if err := j.Compact(last, needed); !errors.Is(err, ErrBroken) || j.Broken() == nil {
		t.Fatalf("a failing disk: %v", err)
	}
	sim.FailSyncs(nil)
	j = open(t, sim)
	for seq := uint64(1); seq <= last; seq += 10 {
		if !slices.Contains(seqs(t, j), seq) {
			t.Errorf("record %d is lost", seq)
		}
	}
}

// TestCompactWhileReading reads attachments while their files are written anew.
func TestCompactWhileReading(t *testing.T) {
	j := open(t, simfs.New())
	last := add(t, j, 0, 600)
	add(t, j, 600, 1)
	var names []crypto.BlobName
	if err := j.Replay(func(r Record) error {
		if r.Seq%64 == 1 && r.Size > 0 {
			names = append(names, r.Attachment)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	end := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				for _, name := range names {
					if b, err := j.Attachment(name); err != nil || crypto.NameOf(b) != name {
						t.Errorf("%v: %v", name, err)
						return
					}
				}
				select {
				case <-end:
					return
				default:
				}
			}
		})
	}
	for every := uint64(2); every <= 64; every *= 2 {
		if err := j.Compact(last, func(seq uint64) bool { return seq%every == 1 }); err != nil {
			t.Error(err)
		}
	}
	close(end)
	wg.Wait()
	if got := seqs(t, j); len(got) > 30 || len(names) == 0 {
		t.Errorf("there are %d records", len(got))
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}
