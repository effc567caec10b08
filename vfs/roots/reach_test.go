package roots_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/bundle"
	"postern/remote/mem"
	"postern/remote/transfer"
	"postern/vfs/gc/gctest"
	"postern/vfs/object"
	"postern/vfs/roots"
	"postern/vfs/tree"
)

func do(t *testing.T, d *gctest.Drive, ops ...tree.Op) {
	t.Helper()
	if err := d.Do(t.Context(), ops...); err != nil {
		t.Fatal(err)
	}
}

func file(t *testing.T, d *gctest.Drive, path, body string) tree.Op {
	t.Helper()
	op, err := d.File(t.Context(), path, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return op
}

// TestBundleHoldsAllSpaces carries all spaces in a bundle to another remote, where everything opens: the spaces of the
// registry and those that only mounts lead to, with the rosters.
func TestBundleHoldsAllSpaces(t *testing.T) {
	own := newDrive(t, mem.New())
	s, inner, retired := beside(t, own), beside(t, own), beside(t, own)
	f := &gctest.Family{Own: own}
	f.Add(s)
	roster := object.Roster{Space: inner.Keys.ID}
	roster.Sign(own.Account.Author())
	inner.Roster, inner.Version = put(t, own.Store, roster.Encode()), object.Version2
	all := map[string]*gctest.Drive{"own": own, "s": s, "inner": inner, "retired": retired}
	for name, d := range all {
		do(t, d, file(t, d, "/"+name, name))
	}
	do(t, s, tree.Mkdir{Path: "/folder"}, gctest.Mount("/folder/inner", inner))
	m := f.Add(retired)
	m.Stage, m.Final = roots.Retired, retired.Base().Ref

	found, err := f.Roots().Reach(t.Context(), roots.ReachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(found.Pointers); n != 3 || found.Pointers[n-1].ID != own.Keys.ID {
		t.Errorf("%d pointers, and the own space's is not the last", n)
	}
	slices.SortFunc(found.Blobs, func(a, b crypto.BlobName) int { return bytes.Compare(a[:], b[:]) })
	var carried bytes.Buffer
	contents := bundle.Contents{Pointers: found.Pointers}
	if _, err := bundle.Export(t.Context(), own.Store, &carried, contents, transfer.Names(found.Blobs),
		bundle.ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	reader, err := bundle.NewReader(&carried)
	if err != nil {
		t.Fatal(err)
	}
	there := mem.New()
	if _, err := reader.Import(t.Context(), there, bundle.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	f.Own.Store = there
	for _, h := range heads(t, f.Roots(), roots.Space{Capability: inner.Keys.ReadOnly(), Stage: roots.Live}) {
		state, err := f.Roots().Open(t.Context(), h.Space, h.Commit)
		if err != nil {
			t.Fatal(err)
		}
		for name, d := range all {
			if d.Keys.ID != h.ID {
				continue
			}
			if b, err := gctest.ReadFile(t.Context(), there, state.Tree, "/files/"+name); err != nil || string(b) != name {
				t.Errorf("%s: %q, %v", name, b, err)
			}
			delete(all, name)
		}
		if ref := state.Commit.Roster; ref != (object.Ref{}) {
			if _, err := tree.NewNodes(there, tree.Options{}).Roster(t.Context(), ref); err != nil {
				t.Error(err)
			}
		}
	}
	if len(all) != 0 {
		t.Errorf("%d spaces are missing", len(all))
	}
}

// moving calls a function when a pointer is loaded for the first time.
type moving struct {
	remote.Store
	id crypto.PointerID
	do func()
}

func (m *moving) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	if do := m.do; id == m.id && do != nil {
		m.do = nil
		do()
	}
	return m.Store.Load(ctx, id)
}

// TestReachAtOneMoment moves a file from S to the own space between the looks at the two.
func TestReachAtOneMoment(t *testing.T) {
	own := newDrive(t, mem.New())
	s := beside(t, own)
	f := &gctest.Family{Own: own}
	f.Add(s)
	do(t, s, file(t, s, "/x", "x"))
	looking, err := f.Again(t.Context(), own.Store)
	if err != nil {
		t.Fatal(err)
	}
	looking.Own.Store = &moving{own.Store, s.Keys.ID, func() {
		op, err := own.Take(t.Context(), s, "/x", "/x")
		if err != nil {
			t.Fatal(err)
		}
		do(t, own, op)
		do(t, s, tree.Remove{Path: "/x"})
		if err := s.Forget(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}}
	found, err := looking.Roots().Reach(t.Context(), roots.ReachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := own.Store.Load(t.Context(), own.Keys.ID); err != nil || found.Pointers[1] != p {
		t.Errorf("the own space is as it was before the file had come: %v", err)
	}
}

// TestReachRefuses checks that Reach rejects a drive with unknown spaces, and a damaged one.
func TestReachRefuses(t *testing.T) {
	own := newDrive(t, mem.New())
	own.Version = object.Version2
	do(t, own)
	if _, err := own.Roots(nil).Reach(t.Context(), roots.ReachOptions{}); !errors.Is(err, roots.ErrUnknown) {
		t.Error(err)
	}
	lost := *own
	lost.Keys.ID = crypto.PointerID{1}
	f := &gctest.Family{Own: own}
	do(t, own, gctest.Mount("/nothing", &lost))
	if _, err := f.Roots().Reach(t.Context(), roots.ReachOptions{}); err != nil {
		t.Errorf("a mount of nothing: %v", err)
	}
	f.Add(&lost)
	if _, err := f.Roots().Reach(t.Context(), roots.ReachOptions{}); !errors.Is(err, remote.ErrNotFound) {
		t.Errorf("a lost space: %v", err)
	}
}
