package gc_test

import (
	"context"
	"strings"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/gc"
	"postern/vfs/gc/gctest"
	"postern/vfs/object"
	"postern/vfs/roots"
	"postern/vfs/tree"
)

// family is a schedule with a second space, S, in the registry. The watched blob is in the own space at first.
type family struct {
	*schedule
	f *gctest.Family
	s *gctest.Member
}

func newFamily(t *testing.T) *family {
	t.Helper()
	f := &family{schedule: newSchedule(t)}
	f.f = &gctest.Family{Own: f.d}
	f.s = f.f.Add(f.beside(""))
	return f
}

// beside makes another space of the owner.
func (f *family) beside(path string) *gctest.Drive {
	f.Helper()
	d, err := f.d.Beside(f.Context(), path)
	if err != nil {
		f.Fatal(err)
	}
	return d
}

func (f *family) on(d float64) {
	f.schedule.on(d)
	for _, other := range f.f.Drives() {
		other.Now = f.d.Now
	}
}

func (f *family) options() gc.Options {
	o := f.schedule.options()
	o.Roots, o.Drive = f.f.Roots(), f.f
	return o
}

func (f *family) collect() gc.Report {
	f.Helper()
	return run(f.T, f.options())
}

func (f *family) kept(d float64) {
	f.Helper()
	f.on(d)
	if f.collect(); !f.there() {
		f.Fatalf("on day %v it was deleted", d)
	}
}

func (f *family) gone(d float64) {
	f.Helper()
	f.on(d)
	if f.collect(); f.there() {
		f.Fatalf("on day %v it is still there", d)
	}
}

// move moves the watched file between two spaces by reference: first it is added, then removed.
func (f *family) move(from, to *gctest.Drive) {
	f.Helper()
	op, err := to.Take(f.Context(), from, "/x", "/x")
	if err != nil {
		f.Fatal(err)
	}
	do(f.T, to, op)
	do(f.T, from, tree.Remove{Path: "/x"})
	f.forget(from)
}

// forget removes all states of a history.
func (f *family) forget(d *gctest.Drive) {
	f.Helper()
	if err := d.Forget(f.Context(), 0); err != nil {
		f.Fatal(err)
	}
}

// rostered gives S a roster, in a blob of its own.
func (f *family) rostered() crypto.BlobName {
	f.Helper()
	roster := object.Roster{Space: f.s.Keys.ID}
	roster.Sign(f.d.Account.Author())
	key := crypto.NodeKey{7}
	sealed := crypto.SealNode(nil, key, roster.Encode())
	blob, err := crypto.Pad(sealed, strings.NewReader(strings.Repeat("p", crypto.MinBlobSize)))
	if err != nil {
		f.Fatal(err)
	}
	name := crypto.NameOf(blob)
	if err := f.store.Put(f.Context(), name, remote.BytesBody(blob)); err != nil {
		f.Fatal(err)
	}
	f.s.Roster, f.s.Version = object.Ref{Blob: name, Len: uint32(len(sealed)), Key: key}, object.Version2
	if err := f.s.Do(f.Context()); err != nil {
		f.Fatal(err)
	}
	return name
}

// splitting calls do during the n-th look at all pointers, after that of the own space was loaded.
func (f *family) splitting(n int, do func()) gc.Roots {
	return &split{Roots: f.f.Roots(), late: f.f.Roots(), n: n, do: do}
}

type split struct {
	gc.Roots
	late gc.Roots
	n    int
	do   func()
}

func (s *split) Heads(ctx context.Context, met []roots.Space) ([]roots.Head, error) {
	early, err := s.Roots.Heads(ctx, met)
	if s.n--; s.n != 0 || err != nil {
		return early, err
	}
	s.do()
	late, err := s.late.Heads(ctx, met)
	if err == nil {
		late[0] = early[0]
	}
	return late, err
}
