package journal

import (
	"slices"
	"testing"

	"postern/remote/localfs/simfs"
)

func seqs(t *testing.T, j *Journal) (all []uint64) {
	t.Helper()
	if err := j.Replay(func(r Record) error { all = append(all, r.Seq); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestSkip checks that numbers begin after one that a commit names, and only if they have not reached it yet.
func TestSkip(t *testing.T) {
	sim := simfs.New()
	j := open(t, sim)
	last := add(t, j, 0, 200) // several files
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, sim)
	if err := j.Skip(last); err != nil {
		t.Fatal(err)
	}
	if got := seqs(t, j); len(got) != 200 {
		t.Fatalf("%d records are left where nothing was to be skipped", len(got))
	}
	if first := add(t, j, 0, 1); first != last+1 {
		t.Fatalf("the next record is %d", first)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, sim)
	if got := seqs(t, j); got[len(got)-1] != last+1 {
		t.Fatalf("after a restart the newest is %d", got[len(got)-1])
	}
	if err := j.Skip(1000); err != nil {
		t.Fatal(err)
	}
	if s := j.Pending(); s.Records != 0 || s.Bytes != 0 || s.Next != 1001 {
		t.Fatalf("%+v", s)
	}
	if next := add(t, j, 0, 1); next != 1001 {
		t.Fatalf("the next record is %d", next)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, sim)
	if got := seqs(t, j); !slices.Equal(got, []uint64{1001}) {
		t.Fatalf("after a restart there are %v", got)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Skip(2000); err == nil {
		t.Error("a closed journal skips")
	}
}
