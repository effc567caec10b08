package space_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/authors"
	"postern/vfs/object"
	"postern/vfs/space"
	"postern/vfs/space/base"
	"postern/vfs/tree"
)

// forgery is a commit that a hostile author makes by hand. It begins as a right one.
type forgery struct {
	t      *testing.T
	s      *shared
	nodes  *tree.Nodes
	on     base.State
	whole  tree.Tree
	commit object.Commit
	key    crypto.AuthorKey
	head   *object.Head // what the pointer is to hold; nil: this commit
	value  []byte       // replaces the pointer's sealed value; nil: none
}

// forge makes a commit as a person, and moves the pointer to it.
func (s *shared) forge(by int, alter func(f *forgery)) {
	s.t.Helper()
	f := &forgery{t: s.t, s: s, nodes: tree.NewNodes(s.store, tree.Options{}), key: s.homes[by].account.Author()}
	f.on = s.state()
	f.whole = tree.New(f.nodes, f.on.Commit.Root)
	if _, err := f.whole.Lookup(s.t.Context(), "/files/forged"); err != nil {
		f.edit(tree.Mkdir{Path: "/files/forged", Version: vfs.Version{1}, Time: time.Now()})
	}
	f.commit = object.Commit{Parent: f.on.Parent(), Time: time.Now().UnixNano(), Device: "forged",
		Applied: f.on.Commit.Applied, Roster: f.on.Commit.Roster}
	alter(f)
	packed := f.pack()
	head := object.Head{Version: object.Version2, Commit: packed.Commit}
	if f.head != nil {
		head = *f.head
	}
	seq := s.pointer().Seq + 1
	value, err := crypto.SealValue(s.space.Read, s.space.ID, seq, head.Encode(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	copy(value[:], f.value)
	next := s.space.Writer.Key().SignListed(seq, value)
	if err := s.store.Swap(s.t.Context(), s.pointer().Hash(), next); err != nil {
		s.t.Fatal(err)
	}
}

func (f *forgery) pack() *tree.Packed {
	f.t.Helper()
	packed, err := tree.Pack(f.t.Context(), f.whole, tree.Packing{
		Rand: rand.Reader,
		Emit: func(ctx context.Context, blob []byte) (crypto.BlobName, error) {
			name := crypto.NameOf(blob)
			return name, f.s.store.Put(ctx, name, remote.BytesBody(blob))
		},
		Commit: func(root object.Entry, front crypto.BlobName) ([]byte, error) {
			f.commit.Root, f.commit.Front = root, front
			f.commit.Sign(f.key)
			return f.commit.Encode(crypto.BlobName{}), nil
		},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return packed
}

// edit changes the tree.
func (f *forgery) edit(op tree.Op) {
	f.t.Helper()
	next, _, err := tree.Apply(f.t.Context(), f.whole, op)
	if err != nil {
		f.t.Fatal(err)
	}
	f.whole = next
}

// keep puts the commit's state into the history.
func (f *forgery) keep() (at string) {
	f.t.Helper()
	at = base.HistoryPath + "/2030-01-01 00.00.00"
	files, err := f.whole.Sub(f.t.Context(), base.FilesPath)
	if err == nil {
		f.whole, err = f.whole.Graft(f.t.Context(), at, files)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return at
}

// keepAs puts the commit's state into the history, as made by an author.
func (f *forgery) keepAs(by crypto.AuthorID) {
	f.t.Helper()
	at := f.keep()
	property, _, err := authors.By(f.t.Context(), f.on.Whole, by, path.Base(at))
	if err != nil || property.Value == "" {
		f.t.Fatal(property, err)
	}
	f.edit(tree.Patch{Path: at, Set: []vfs.Property{property}})
}

// graft puts a folder of the commit before at another place.
func (f *forgery) graft(from, to string) {
	f.t.Helper()
	sub, err := f.on.Whole.Sub(f.t.Context(), from)
	if err == nil {
		e, _ := sub.Root().Object()
		f.whole, err = f.whole.Graft(f.t.Context(), to, tree.New(f.nodes, e))
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// states returns the paths of the kept states.
func (f *forgery) states() (paths []string) {
	f.t.Helper()
	for e, err := range f.on.Whole.List(f.t.Context(), base.HistoryPath) {
		if err != nil {
			f.t.Fatal(err)
		}
		paths = append(paths, base.HistoryPath+"/"+e.Info().Name)
	}
	return paths
}

// node puts a sealed node.
func (f *forgery) node(plain []byte) object.Ref {
	f.t.Helper()
	key := crypto.NodeKey{9}
	sealed := crypto.SealNode(nil, key, plain)
	size := len(sealed)
	blob, err := crypto.Pad(sealed, rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	name := crypto.NameOf(blob)
	if err := f.s.store.Put(f.t.Context(), name, remote.BytesBody(blob)); err != nil {
		f.t.Fatal(err)
	}
	return object.Ref{Blob: name, Len: uint32(size), Key: key}
}

// earlier returns the n-th commit before the newest.
func (f *forgery) earlier(n int) base.State {
	f.t.Helper()
	at := f.on
	for range n {
		up, err := base.OpenCommit(f.t.Context(), f.nodes, object.Head{Version: object.Version2, Commit: at.Commit.Parent.Commit})
		if err != nil {
			f.t.Fatal(err)
		}
		at = up
	}
	return at
}

// device returns the device of a person, counted from 1.
func (s *shared) device(n byte) object.DeviceID {
	return object.DeviceID{n}.By(s.homes[n-1].account.Author().ID())
}

func (s *shared) pointer() crypto.Pointer {
	s.t.Helper()
	p, err := s.store.Load(s.t.Context(), s.space.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// raised returns the Applied of the newest commit with a device's number raised.
func (f *forgery) raised(device byte, by uint64) []object.Applied {
	at := f.on.Commit.Latest(f.s.device(device))
	return object.WithApplied(f.commit.Applied, at.Device, at.Seq+by)
}

// breaches are what a hostile author may try. Each is a commit by bob. The history of the space is: a commit of alice
// with the first roster, one with the second roster, one each of alice, bob and carol.
var breaches = map[string]struct {
	alter func(f *forgery)
	who   string // named by the error
}{
	"a forged owner": {func(f *forgery) {
		f.pack()
		f.commit.Author = f.s.space.Owner
		at := f.node(f.commit.Encode(crypto.BlobName{}))
		f.head = &object.Head{Version: object.Version2, Commit: at}
	}, "somebody"},
	"an author whom the roster lacks": {func(f *forgery) { f.key = f.s.homes[3].account.Author() }, "may not write"},
	"another begin":                   {func(f *forgery) { f.commit.Parent = object.Parent{} }, "bob"},
	"another parent's hash":           {func(f *forgery) { f.commit.Parent.Hash[0]++ }, "bob"},
	"rolled back": {func(f *forgery) {
		old := f.earlier(3)
		f.on, f.whole = old, tree.New(f.nodes, old.Commit.Root)
		f.commit.Parent, f.commit.Applied = old.Parent(), old.Commit.Applied
	}, "bob"},
	"rolled back to the owner's commit": {func(f *forgery) {
		f.head = &object.Head{Version: object.Version2, Commit: f.earlier(2).Ref}
	}, "somebody"},
	"rolled back to an older roster": {func(f *forgery) {
		f.head = &object.Head{Version: object.Version2, Commit: f.earlier(4).Ref}
	}, ""},
	"rolled back to the commit before": {func(f *forgery) {
		f.head = &object.Head{Version: object.Version2, Commit: f.earlier(1).Ref}
	}, "bob"},
	"raised numbers of carol":  {func(f *forgery) { f.commit.Applied = f.raised(3, 100) }, "bob"},
	"raised numbers of alice":  {func(f *forgery) { f.commit.Applied = f.raised(1, 100) }, "bob"},
	"lowered numbers of carol": {func(f *forgery) { f.commit.Applied = f.raised(3, ^uint64(0)) }, "bob"},
	"a run of carol": {func(f *forgery) {
		f.commit.Applied = object.WithApplied(f.commit.Applied, f.s.device(3).At([8]byte{1}), 1)
	}, "bob"},
	"a device dropped": {func(f *forgery) { f.commit.Applied = f.commit.Applied[:1] }, "bob"},
	"two devices": {func(f *forgery) {
		f.commit.Applied = object.WithApplied(f.commit.Applied, object.DeviceID{7}.By(f.key.ID()), 1)
		f.commit.Applied = object.WithApplied(f.commit.Applied, object.DeviceID{8}.By(f.key.ID()), 1)
	}, "bob"},
	"a device twice": {func(f *forgery) {
		twice := object.Applied{Device: f.on.Commit.Latest(f.s.device(2)).Device, Seq: 7}
		twice.Device[15]++
		f.commit.Applied = append(slices.Clone(f.commit.Applied), twice)
		slices.SortFunc(f.commit.Applied, func(a, b object.Applied) int { return bytes.Compare(a.Device[:], b.Device[:]) })
	}, "bob"},
	"a state dropped":         {func(f *forgery) { f.edit(tree.Remove{Path: f.states()[0]}) }, "bob"},
	"a state replaced":        {func(f *forgery) { f.graft("/files", f.states()[0]) }, "bob"},
	"a foreign state":         {func(f *forgery) { f.graft(f.states()[0], base.HistoryPath+"/2030-01-01 00.00.00") }, "bob"},
	"a state in carol's name": {func(f *forgery) { f.keepAs(f.s.homes[2].account.Author().ID()) }, "bob"},
	"no history":              {func(f *forgery) { f.edit(tree.Remove{Path: base.HistoryPath}) }, "bob"},
	"a private folder":        {func(f *forgery) { f.edit(tree.Mkdir{Path: "/private", Version: vfs.Version{1}}) }, "bob"},
	"no files":                {func(f *forgery) { f.edit(tree.Remove{Path: base.FilesPath}) }, ""},
	"a roster by another": {func(f *forgery) {
		r := object.Roster{Space: f.s.space.ID, Epoch: 9, Authors: []object.Author{}}
		r.Sign(f.key)
		f.commit.Roster = f.node(r.Encode())
	}, "bob"},
	"an older roster": {func(f *forgery) { f.commit.Roster = f.earlier(4).Commit.Roster }, "bob"},
	"no roster":       {func(f *forgery) { f.commit.Roster = object.Ref{} }, "bob"},
	"files that are not there": {func(f *forgery) {
		e, _ := f.on.Files.Root().Object()
		e.Root = object.Ref{Blob: crypto.BlobName{1}, Len: 100}
		e.Count = 1
		whole, err := f.whole.Graft(f.t.Context(), base.FilesPath, tree.New(f.nodes, e))
		if err != nil {
			f.t.Fatal(err)
		}
		f.whole = whole
	}, "bob"},
	"a pointer to nothing": {func(f *forgery) { f.value = []byte("nothing") }, "somebody"},
}

// TestHostileAuthor checks that no breach gets into anybody's files or journal: other writers and followers keep the
// last good state, and the owner's gateway commits over it; afterwards everybody goes on.
func TestHostileAuthor(t *testing.T) {
	for name, c := range breaches {
		t.Run(name, func(t *testing.T) { hostile(t, c.alter, c.who) })
	}
}

func hostile(t *testing.T, breach func(*forgery), who string) {
	s := share(t, mem.New(), 3, func(b *space.Beginning) { b.Roster.Authors = b.Roster.Authors[:1] })
	alice, bob := s.as(0), s.as(1)
	if err := alice.SetRoster(t.Context(), s.authors(2), 2); err != nil {
		t.Fatal(err)
	}
	put(t, alice, "/a", []byte("alice"))
	flush(t, alice.Space)
	put(t, bob, "/b", []byte("bob"))
	flush(t, bob.Space)
	carol := s.as(2)
	defer carol.close(t)
	put(t, carol, "/c", []byte("carol"))
	flush(t, carol.Space)
	alice.look(t)
	alice.close(t)
	bob.close(t)
	follower := carol.own.Home().Follow(s.store, s.space.ReadOnly())
	defer follower.Close()
	for range 2 { // the first learns the cursor
		carol.own.Home().Poller().Look(t.Context())
	}
	good := listing(t, follower, "/")
	put(t, carol, "/pending", []byte("carol"))

	s.forge(1, breach)
	forged := s.pointer()

	err := carol.Committer().Look(t.Context())
	if _, ok := errors.AsType[*authors.BreachError](err); !ok || !strings.Contains(err.Error(), who) {
		t.Errorf("carol: %v", err)
	}
	if got := string(get(t, carol, "/pending")); got != "carol" {
		t.Error(got)
	}
	carol.own.Home().Poller().Look(t.Context())
	if got := listing(t, follower, "/"); !maps.Equal(got, good) {
		t.Errorf("a follower shows %v, not %v", got, good)
	}

	alice = s.as(0)
	defer alice.close(t)
	for tries := 0; s.pointer() == forged; tries++ {
		if tries == 1000 {
			t.Fatalf("the owner does not commit over it: %+v", alice.Status().Status)
		}
		_ = alice.Committer().Look(t.Context())
	}
	got := listing(t, alice, "/")
	delete(got, "/pending") // carol may have committed it by now
	if !maps.Equal(got, good) {
		t.Errorf("the owner has %v, not %v", got, good)
	}
	flush(t, carol.Space)
	bob = s.as(1)
	defer bob.close(t)
	put(t, bob, "/again", []byte("bob"))
	flush(t, bob.Space)
	alice.look(t)
	all := listing(t, alice, "/")
	if len(all) != len(good)+2 || all["/pending"] == "" || all["/again"] == "" {
		t.Errorf("afterwards: %v", all)
	}
}

// TestNoBreach checks that a commit that keeps the rules is taken over, whatever its date.
func TestNoBreach(t *testing.T) {
	for name, alter := range map[string]func(f *forgery){
		"as others":  func(*forgery) {},
		"far ahead":  func(f *forgery) { f.commit.Time += int64(2 * 365 * 24 * time.Hour) },
		"long ago":   func(f *forgery) { f.commit.Time = 0 },
		"its device": func(f *forgery) { f.commit.Applied = f.raised(2, 5) },
		"its state":  func(f *forgery) { f.keep() },
	} {
		t.Run(name, func(t *testing.T) {
			s := share(t, mem.New(), 1, nil)
			alice, bob := s.as(0), s.as(1)
			defer alice.close(t)
			put(t, bob, "/b", []byte("bob"))
			flush(t, bob.Space)
			bob.close(t)
			s.forge(1, alter)
			alice.look(t)
			if all := listing(t, alice, "/"); all["/forged"] == "" || s.state().Commit.Author == s.space.Owner {
				t.Errorf("%v", all)
			}
		})
	}
}

// TestRaisedLongAgo checks that a commit too far back to be judged makes no device drop its pending changes, although
// it claims to hold them. Meanwhile the device is away, or open.
func TestRaisedLongAgo(t *testing.T) {
	for name, away := range map[string]bool{"away": true, "open": false} {
		t.Run(name, func(t *testing.T) {
			s := share(t, mem.New(), 2, nil)
			bob, carol := s.as(1), s.as(2)
			put(t, bob, "/b", []byte("bob"))
			flush(t, bob.Space)
			bob.close(t)
			put(t, carol, "/c", []byte("carol"))
			flush(t, carol.Space)
			put(t, carol, "/pending", []byte("pending"))
			if away {
				carol.close(t)
			}
			s.forge(1, func(f *forgery) { f.commit.Applied = f.raised(3, 1000) })
			for range 101 {
				s.forge(1, func(f *forgery) {
					f.whole = tree.New(f.nodes, f.on.Commit.Root)
					f.edit(tree.Patch{Path: "/files/b", Modified: time.Now()})
				})
			}
			if away {
				carol = s.as(2)
			}
			flush(t, carol.Space)
			put(t, carol, "/later", []byte("later"))
			carol.close(t)
			carol = s.as(2)
			defer carol.close(t)
			flush(t, carol.Space)
			for _, path := range []string{"/files/pending", "/files/later", "/files/forged"} {
				if _, err := s.state().Whole.Lookup(t.Context(), path); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
