package base

import (
	"crypto/rand"
	"path/filepath"
	"testing"

	"postern/crypto"
	"postern/remote/localfs"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/tree"
)

// TestFile checks that a saved state is loaded with its private state: known, unknown or, in a space with a roster or
// of version 1, none.
func TestFile(t *testing.T) {
	account := crypto.AccountSecret{1}
	nodes := tree.NewNodes(nil, tree.Options{})
	ref, elsewhere := object.Ref{Blob: crypto.BlobName{1}, Off: 16, Len: 99}, object.Ref{Blob: crypto.BlobName{2}, Len: 99}
	noted := registry.State{}
	for range 10 {
		note := registry.Note{Kind: registry.Friend, ID: "bob", Set: map[string][]byte{"n": {byte(noted.Len())}}}
		noted = noted.With(note)
	}
	known := func(s registry.State) *registry.State { return &s }
	for name, c := range map[string]struct {
		version uint8
		roster  object.Ref
		private *registry.State
		want    *registry.State
	}{
		"version 1":           {version: object.Version1, private: known(registry.State{}), want: known(registry.State{})},
		"version 1, not read": {version: object.Version1, want: known(registry.State{})},
		"not read":            {version: object.Version2},
		"empty":               {version: object.Version2, private: known(registry.State{}), want: known(registry.State{})},
		"noted":               {version: object.Version2, private: &noted, want: &noted},
		"with a roster":       {version: object.Version2, private: known(registry.State{}), roster: elsewhere},
	} {
		t.Run(name, func(t *testing.T) {
			commit := object.Commit{Root: object.Entry{Kind: object.Folder}, Roster: c.roster}
			commit.Sign(account.Author())
			value, err := crypto.SealValue(account.Reader(), account.Writer().ID(), 1, []byte("head"), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			f := File{Path: filepath.Join(t.TempDir(), "base"), FS: localfs.OS{}, Frames: account.Frames, Rand: rand.Reader}
			s := State{
				Pointer: account.Writer().Sign(1, value), Version: c.version, Ref: ref, Commit: commit,
				Files: tree.New(nodes, object.Entry{}), private: c.private,
			}
			if err := f.Save(s); err != nil {
				t.Fatal(err)
			}
			got, err := f.Load(nodes)
			if err != nil {
				t.Fatal(err)
			}
			if got.Ref != s.Ref || got.Version != c.version || got.PrivateKnown() != (c.want != nil) {
				t.Errorf("%+v", got)
			}
			if c.want != nil && !registry.Equal(got.Private(), *c.want) {
				t.Errorf("%d records", got.Private().Len())
			}
		})
	}
}
