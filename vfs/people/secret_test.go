package people_test

import (
	"context"
	"strings"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/people"
	"postern/vfs/space/base"
	"postern/vfs/tree"
)

// TestTakenBack: somebody from whom a folder was taken back, with every key that he ever had and all that the store
// holds, opens nothing that is written later. The others go on.
func TestTakenBack(t *testing.T) {
	for name, c := range map[string]struct {
		begin func(bob *user)
		end   func(bob *user)
	}{
		"reader": {func(bob *user) { bob.shares("/files/work", false, "alice", "carol") },
			func(bob *user) { bob.unshare("/files/work", "carol") }},
		"writer": {func(bob *user) { bob.shares("/files/work", true, "alice", "carol") },
			func(bob *user) { bob.unshare("/files/work", "carol") }},
		"friend": {func(bob *user) { bob.shares("/files/work", true, "alice", "carol") },
			func(bob *user) {
				_, err := bob.people.End(bob.w.t.Context(), "carol", people.Removed)
				bob.does(err)
			}},
		"member of a group": {func(bob *user) {
			for _, who := range []string{"alice", "carol"} {
				_, err := bob.people.Join(bob.w.t.Context(), who, "team")
				bob.does(err)
			}
			bob.shares("/files/work", true, "team")
		}, func(bob *user) {
			_, err := bob.people.Part(bob.w.t.Context(), "carol", "team")
			bob.does(err)
		}},
		"link": {func(bob *user) {
			bob.shares("/files/work", false, "alice")
			_, err := bob.people.CreateLink(bob.w.t.Context(), "/files/work", people.LinkOptions{})
			bob.does(err)
		}, func(bob *user) {
			bob.does(bob.people.RevokeLink(bob.w.t.Context(), bob.people.Links()[0].ID))
		}},
		"what is shared within": {func(bob *user) {
			bob.shares("/files/work/in", true, "alice")
			bob.shares("/files/work", true, "alice", "carol")
		}, func(bob *user) { bob.unshare("/files/work", "carol") }},
	} {
		t.Run(name, func(t *testing.T) {
			w := friends(t, "bob", "alice", "carol")
			bob, alice := w.users["bob"], w.users["alice"]
			bob.mkdir("/files/work")
			bob.mkdir("/files/work/in")
			bob.puts("/files/work/in/a.txt", "a")
			c.begin(bob)
			w.look()
			alice.has("/shared/bob/work/in/a.txt", "a")
			keys := bob.people.Keys()
			w.openAll(keys, "a.txt")
			c.end(bob)
			w.settle()
			before := w.blobs()
			bob.puts("/files/work/in/later.txt", "later")
			bob.puts("/files/work/in/a.txt", strings.Repeat("later", 20_000))
			w.look()
			alice.has("/shared/bob/work/in/later.txt", "later")
			written := w.blobs()
			for name := range before {
				delete(written, name)
			}
			opened := w.openAll(keys, "")
			if len(opened) == 0 || len(written) == 0 {
				t.Fatalf("the test opens %d blobs, and %d are new", len(opened), len(written))
			}
			for name := range opened {
				if written[name] {
					t.Errorf("what was written later is opened with keys of before, in blob %v", name)
				}
			}
			w.closedTo(keys)
		})
	}
}

// blobs returns the names of all blobs of the store.
func (w *world) blobs() map[crypto.BlobName]bool {
	all := map[crypto.BlobName]bool{}
	for b, err := range w.store.List(w.t.Context()) {
		if err != nil {
			w.t.Fatal(err)
		}
		all[b.Name] = true
	}
	return all
}

// openAll opens all that capabilities lead to, the history too, and returns the blobs that hold it. If it is given a
// name, one of the files must have it; otherwise none may be called later.txt.
func (w *world) openAll(keys []crypto.Capability, name string) map[crypto.BlobName]bool {
	w.t.Helper()
	found, opened := false, map[crypto.BlobName]bool{}
	for _, c := range keys {
		nodes := tree.NewNodes(seen{w.store, opened}, tree.Options{})
		s, err := base.Load(w.t.Context(), w.store, nodes, c)
		if err != nil {
			w.t.Fatal(err)
		}
		opened[s.Ref.Blob] = true
		for paths := []string{"/"}; len(paths) > 0; paths = paths[1:] {
			for e, err := range s.Whole.List(w.t.Context(), paths[0]) {
				if err != nil {
					w.t.Fatal(err)
				}
				info := e.Info()
				found = found || info.Name == name
				if name == "" && info.Name == "later.txt" {
					w.t.Errorf("%s is listed with keys of before", info.Name)
				}
				o, _ := e.Object()
				for _, chunk := range o.Content.Chunks {
					opened[chunk.Blob] = true
				}
				if e.IsFolder() && e.Mount() == nil {
					paths = append(paths, strings.TrimSuffix(paths[0], "/")+"/"+info.Name)
				}
			}
		}
	}
	if name != "" && !found {
		w.t.Errorf("%s is not found with the keys", name)
	}
	return opened
}

// seen is a store that notes which blobs are read.
type seen struct {
	remote.Store
	opened map[crypto.BlobName]bool
}

// Get implements remote.Blobs.
func (s seen) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	s.opened[name] = true
	return s.Store.Get(ctx, name)
}

// GetRange implements remote.Blobs.
func (s seen) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	s.opened[name] = true
	return s.Store.GetRange(ctx, name, off, p)
}

// closedTo expects that keys open no pointer but those of their own spaces.
func (w *world) closedTo(keys []crypto.Capability) {
	w.t.Helper()
	page, err := w.store.Changed(context.Background(), "")
	if err != nil || page.More {
		w.t.Fatal(err)
	}
	for _, p := range page.Pointers {
		for _, c := range keys {
			if _, err := crypto.OpenValue(c.Read, p); err == nil && p.ID != c.ID {
				w.t.Errorf("the key of %v opens the pointer %v", c.ID, p.ID)
			}
		}
	}
}
