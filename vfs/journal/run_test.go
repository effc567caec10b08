package journal

import (
	"os"
	"slices"
	"testing"

	"postern/remote/localfs/simfs"
)

// TestRuns checks that each opening has a name of its own, which identifies its records even if the numbers are the
// same.
func TestRuns(t *testing.T) {
	sim := simfs.New()
	j := open(t, sim)
	first := j.Run()
	add(t, j, 0, 200) // several files
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	var backup [2]*Journal
	for i := range backup {
		backup[i] = open(t, sim.Copy())
		add(t, backup[i], 200, 100)
		spans, next := backup[i].Spans()
		want := []Span{{first, 1, 200}, {backup[i].Run(), 201, 300}}
		if !slices.Equal(spans, want) || next != 301 {
			t.Errorf("copy %d has %v, the next is %d; not %v", i, spans, next, want)
		}
	}
	if backup[0].Run() == backup[1].Run() || backup[0].Run() == first {
		t.Error("two openings have one name")
	}
	if err := backup[1].Trim(300); err != nil {
		t.Fatal(err)
	}
	if spans, next := backup[1].Spans(); len(spans) != 0 || next != 301 {
		t.Errorf("trimmed, it has %v, the next is %d", spans, next)
	}
}

// TestOldFile opens and continues a file from before there were runs.
func TestOldFile(t *testing.T) {
	old, err := os.ReadFile("testdata/v1.journal")
	if err != nil {
		t.Fatal(err)
	}
	sim := simfs.New()
	if err := sim.MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	f, err := sim.Create(dir + "/" + fileName(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(old, 0); err != nil {
		t.Fatal(err)
	}
	j := open(t, sim)
	if last := add(t, j, 4, 3); last != 7 {
		t.Fatalf("the newest is %d", last)
	}
	if spans, _ := j.Spans(); !slices.Equal(spans, []Span{{Run{}, 1, 4}, {j.Run(), 5, 7}}) {
		t.Errorf("%v", spans)
	}
	var ops []string
	if err := j.Replay(func(r Record) error { ops = append(ops, string(r.Op)); return nil }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"op 0", "op 1", "op 2", "op 3", "op 4", "op 5", "op 6"}; !slices.Equal(ops, want) {
		t.Errorf("replayed %q", ops)
	}
}
