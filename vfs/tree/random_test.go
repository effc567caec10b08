package tree_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// memoryOfOnePage makes a Nodes drop all but the page used last, so that everything sealed is loaded again and again.
const memoryOfOnePage = 1

// state is a tree and the model of it.
type state struct {
	tree  tree.Tree
	model *node
}

// machine makes random operations on a tree and on its model.
type machine struct {
	store *store
	now   state
	old   []state     // must stay as they were
	twin  tree.Tree   // gets the same operations, but is never sealed: its pages must be equal
	batch *tree.Batch // gets the same operations in one batch on the sealed tree
	n     uint64
}

func TestRandomOperations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStore()
		m := &machine{store: s, now: state{empty(s, memoryOfOnePage), newModel()}, twin: empty(s, 0),
			batch: tree.NewBatch(empty(s, 0))}
		t.Repeat(map[string]func(*rapid.T){
			"put": m.put,
			"mkdir": func(t *rapid.T) {
				m.n++
				m.do(t, tree.Mkdir{Path: path(t), Version: vfs.Version{byte(m.n)}, Time: m.time()}, "")
			},
			"remove":  func(t *rapid.T) { m.do(t, tree.Remove{Path: path(t)}, "") },
			"move":    m.move,
			"copy":    m.copy,
			"patch":   m.patch,
			"fill":    m.fill,
			"drain":   m.drain,
			"seal":    m.seal,
			"fail":    m.fail,
			"reopen":  m.reopen,
			"keep":    m.keep,
			"look":    func(t *rapid.T) { m.look(t, path(t)) },
			"":        func(t *rapid.T) { m.glance(t) },
			"compare": func(t *rapid.T) { m.compareOld(t) },
		})
		m.compareOld(t)
	})
}

// path draws a path of few names, so that operations often meet. One name has two Unicode forms, which sort differently
// from their bytes.
var someNames = []string{"a", "b", "B", "e\u0301", "\u00e9", "f", "z"}

func path(t *rapid.T) string {
	return "/" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(someNames), 1, 4).Draw(t, "path"), "/")
}

func (m *machine) time() time.Time { return time.Unix(int64(m.n)/3, int64(m.n)*12345678) }

func maybe(t *rapid.T, at time.Time) time.Time {
	if rapid.Bool().Draw(t, "time") {
		return at
	}
	return time.Time{}
}

func (m *machine) put(t *rapid.T) {
	m.n++
	body := rapid.StringN(0, 5, 40).Draw(t, "body")
	put := m.store.file(path(t), body, m.n)
	put.Chosen = rapid.Bool().Draw(t, "chosen")
	put.Entry.ContentType = rapid.SampledFrom([]string{"", "text/plain", "image/png"}).Draw(t, "type")
	m.do(t, put, body)
}

func (m *machine) move(t *rapid.T) {
	m.n++
	m.do(t, tree.Move{From: path(t), To: path(t), Replace: rapid.Bool().Draw(t, "replace"), Modified: maybe(t, m.time())},
		"")
}

func (m *machine) copy(t *rapid.T) {
	m.n++
	if m.now.model.count() > 3000 {
		t.Skip("large enough")
	}
	b := rapid.Bool()
	m.do(t,
		tree.Copy{From: path(t), To: path(t), Replace: b.Draw(t, "replace"), Shallow: b.Draw(t, "shallow"),
			Modified: maybe(t, m.time())}, "")
}

func (m *machine) patch(t *rapid.T) {
	m.n++
	name := rapid.Custom(func(t *rapid.T) vfs.PropertyName {
		return vfs.PropertyName{Space: rapid.SampledFrom([]string{"", "urn:x"}).Draw(t, "space"),
			Local: rapid.SampledFrom(someNames).Draw(t, "local")}
	})
	prop := rapid.Custom(func(t *rapid.T) vfs.Property {
		size := rapid.SampledFrom([]int{0, 1, 100, 5000, 40000}).Draw(t, "size")
		return vfs.Property{Name: name.Draw(t, "name"), Lang: rapid.SampledFrom([]string{"", "de"}).Draw(t, "lang"),
			Value: strings.Repeat("x", size)}
	})
	m.do(t, tree.Patch{
		Path:     path(t),
		Modified: maybe(t, m.time()),
		Created:  maybe(t, m.time()),
		Set:      rapid.SliceOfN(prop, 0, 3).Draw(t, "set"),
		Remove:   rapid.SliceOfN(name, 0, 2).Draw(t, "remove"),
	}, "")
}

// fill puts so many files into a folder that pages are cut and joined on several levels.
func (m *machine) fill(t *rapid.T) {
	folder := rapid.SampledFrom([]string{"", "/a", "/a/b"}).Draw(t, "folder")
	if m.now.model.count() > 2000 {
		t.Skip("large enough")
	}
	long := rapid.SampledFrom([]string{"", strings.Repeat("long", 200)}).Draw(t, "long")
	order := rapid.SampledFrom([]int{1, 7, 299}).Draw(t, "order") // ascending, mixed, descending
	for i := range 300 {
		m.n++
		name := fmt.Sprintf("%s/%s%03d", folder, long, i*order%300)
		m.do(t, m.store.file(name, "x", m.n), "x")
	}
}

func (m *machine) drain(t *rapid.T) {
	folder := rapid.SampledFrom([]string{"/", "/a", "/a/b"}).Draw(t, "folder")
	_, _, at, err := m.now.model.find(folder)
	if err != nil || at == nil || !at.folder {
		t.Skip("no such folder")
	}
	step := rapid.IntRange(1, 3).Draw(t, "step")
	for i, key := range slices.Sorted(maps.Keys(at.kids)) {
		if i%step == 0 && len(key) > 2 {
			m.do(t, tree.Remove{Path: strings.TrimSuffix(folder, "/") + "/" + key}, "")
		}
	}
}

// do applies an op as it is decoded from the journal. Tree and model must agree, also about the kind of failure.
func (m *machine) do(t *rapid.T, op tree.Op, body string) {
	enc, err := tree.EncodeOp(op)
	if err != nil {
		t.Fatal(err)
	}
	if op, err = tree.DecodeOp(enc); err != nil {
		t.Fatal(err)
	}
	want := m.now.model.apply(op, body)
	next, r, err := tree.Apply(context.Background(), m.now.tree, op)
	if !errors.Is(err, want) || (err == nil) != (want == nil) {
		t.Fatalf("%T %+v: got %v, want %v", op, op, err, want)
	}
	m.now.tree = next
	if m.twin, _, err = tree.Apply(context.Background(), m.twin, op); (err == nil) != (want == nil) {
		t.Fatalf("%T %+v: got %v of a tree that was never sealed", op, op, err)
	}
	switch failed := m.batch.Apply(context.Background(), op); {
	case (failed == nil) != (err == nil), failed != nil && failed.Error() != err.Error():
		t.Fatalf("%T %+v: got %v, and %v in a batch", op, op, err, failed)
	case failed != nil:
		m.batch = tree.NewBatch(m.batch.Tree())
	}
	if err == nil && !r.Entry.IsZero() {
		var path string
		switch op := op.(type) {
		case tree.Put:
			path = op.Path
		case tree.Mkdir:
			path = op.Path
		case tree.Move:
			path = op.To
		case tree.Copy:
			path = op.To
		case tree.Patch:
			path = op.Path
		}
		got, err := next.Lookup(context.Background(), path)
		if err != nil || !cmp.Equal(got.Info(), r.Entry.Info()) {
			t.Fatalf("%T %+v: the result is %+v, but what is there is %+v (%v)", op, op, r.Entry.Info(), got.Info(), err)
		}
	}
}

// keep keeps the tree as it is now, and some of those kept before.
func (m *machine) keep(t *rapid.T) {
	if len(m.old) > 6 {
		i := rapid.IntRange(0, len(m.old)-1).Draw(t, "forget")
		m.old = slices.Delete(m.old, i, i+1)
	}
	model := m.now.model.clone()
	m.old = append(m.old, state{m.now.tree, model}, state{m.batch.Tree(), model})
}

func (m *machine) look(t *rapid.T, path string) {
	_, _, want, wantErr := m.now.model.find(path)
	if wantErr == nil && want == nil {
		wantErr = vfs.ErrNotExist
	}
	got, err := m.now.tree.Lookup(context.Background(), path)
	if !errors.Is(err, wantErr) || (err == nil) != (wantErr == nil) {
		t.Fatalf("look up %s: got %v, want %v", path, err, wantErr)
	}
	if err == nil {
		m.now.same(t, got, want, path)
	}
}

func (m *machine) seal(t *rapid.T) {
	p, err := tree.Pack(context.Background(), m.now.tree, m.store.packing())
	if err != nil {
		t.Fatal(err)
	}
	p.Settle()
	if m.now.tree.Dirty() {
		t.Fatal("dirty after all was sealed")
	}
}

// fail packs, and then drops the pack as after a failed commit.
func (m *machine) fail(t *rapid.T) {
	dirty := m.now.tree.Dirty()
	p := m.store.packing()
	p.Emit = func(context.Context, []byte) (crypto.BlobName, error) {
		return crypto.BlobName{}, errors.New("offline")
	}
	if _, err := tree.Pack(context.Background(), m.now.tree, p); err == nil {
		t.Fatal("packed without a remote")
	}
	if m.now.tree.Dirty() != dirty {
		t.Fatal("a failed attempt changed something")
	}
}

// reopen continues with the tree as another device opens it.
func (m *machine) reopen(t *rapid.T) {
	p, err := tree.Pack(context.Background(), m.now.tree, m.store.packing())
	if err != nil {
		t.Fatal(err)
	}
	if rapid.Bool().Draw(t, "settle") {
		p.Settle()
	}
	nodes := tree.NewNodes(m.store, tree.Options{Memory: memoryOfOnePage})
	c, hash, err := nodes.Commit(context.Background(), p.Commit)
	if err != nil {
		t.Fatal(err)
	}
	if hash != p.Hash || !cmp.Equal(c.Root, p.Root, cmpopts.EquateEmpty()) {
		t.Fatalf("the commit is not what was packed: root %+v, want %+v", c.Root, p.Root)
	}
	m.now.tree = tree.New(nodes, c.Root)
	m.batch = tree.NewBatch(tree.New(tree.NewNodes(m.store, tree.Options{}), c.Root))
}

// glance compares a small tree after each step.
func (m *machine) glance(t *rapid.T) {
	if m.now.model.count() < 200 {
		m.now.compare(t, m.store)
	}
}

func (m *machine) compareOld(t *rapid.T) {
	m.now.compare(t, m.store)
	got, err := tree.Shape(context.Background(), m.now.tree)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := tree.Shape(context.Background(), m.twin); err != nil || got != want {
		t.Fatalf("the same changes make other pages of a tree that was sealed meanwhile (%v):\n%s\n%s", err, got, want)
	}
	inBatch := state{m.batch.Tree(), m.now.model}
	inBatch.compare(t, m.store)
	if batch, err := tree.Shape(context.Background(), inBatch.tree); err != nil || batch != got {
		t.Fatalf("the same changes make other pages in a batch (%v):\n%s\n%s", err, batch, got)
	}
	for _, old := range m.old {
		old.compare(t, m.store)
	}
}

// compare checks that the whole tree equals the model, and that its pages follow the rules.
func (s state) compare(t *rapid.T, st *store) {
	if err := tree.Inspect(context.Background(), s.tree); err != nil {
		t.Fatal(err)
	}
	s.same(t, s.tree.Root(), s.model, "/")
	s.compareFolder(t, st, "/", s.model)
}

func (s state) compareFolder(t *rapid.T, st *store, path string, want *node) {
	keys := slices.Sorted(maps.Keys(want.kids))
	for e, err := range s.tree.List(context.Background(), path) {
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) == 0 || object.SortKey(e.Info().Name) != keys[0] {
			t.Fatalf("%s lists %q, want one of %q", path, e.Info().Name, keys)
		}
		kid := want.kids[keys[0]]
		keys = keys[1:]
		below := strings.TrimSuffix(path, "/") + "/" + kid.name
		s.same(t, e, kid, below)
		if kid.folder {
			s.compareFolder(t, st, below, kid)
			continue
		}
		body, err := st.read(context.Background(), e)
		if err != nil || body != kid.body {
			t.Fatalf("%s holds %q (%v), want %q", below, body, err, kid.body)
		}
	}
	if len(keys) > 0 {
		t.Fatalf("%s does not list %q", path, keys)
	}
}

func (s state) same(t *rapid.T, e tree.Entry, want *node, path string) {
	info := vfs.Info{
		Name: want.name, Folder: want.folder, Size: want.size(), Version: want.version, ContentType: want.contentType,
		Modified: object.Time(want.modified), Created: object.Time(want.created), Properties: want.properties(),
	}
	if got := e.Info(); !reflect.DeepEqual(info, got) { // a hundred times as fast as cmp
		t.Fatalf("%s (-want +got):\n%s", path, cmp.Diff(info, got))
	}
	if e.IsFolder() != want.folder || e.Count() != want.count() {
		t.Fatalf("%s counts %d, want %d", path, e.Count(), want.count())
	}
}
