// Package gctest is a drive for tests of code that works on commits: trees and commits as package space makes them, but
// without a journal, a staging area or a clock of its own. It commits every change at once.
package gctest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/content"
	"postern/vfs/gc"
	"postern/vfs/layout"
	"postern/vfs/object"
	"postern/vfs/roots"
	"postern/vfs/tree"
)

// Drive is one space of an account at a remote. It implements gc.Drive for itself; see Family for several. It is for
// one goroutine.
type Drive struct {
	Store   remote.Store
	Account crypto.AccountSecret // the owner's
	Keys    crypto.Capability    // to write
	Now     time.Time            // of the next commit; each commit adds a second
	Version uint8                // of the heads that are written; 0: 1
	Roster  object.Ref           // of the next commits

	nodes   *tree.Nodes
	pointer crypto.Pointer
	base    roots.State
	files   tree.Tree
	pieces  map[crypto.BlobName][]byte
	put     map[crypto.BlobName]struct{} // blobs of a commit that has not landed
	version uint64
	HeldNow []crypto.BlobName // returned by Held
}

// New makes an empty drive of a new account.
func New(ctx context.Context, store remote.Store, now time.Time) (*Drive, error) {
	account, err := crypto.Random[crypto.AccountSecret](rand.Reader)
	if err != nil {
		return nil, err
	}
	d := open(store, account, account.Own(), now)
	return d, d.begin(ctx, tree.New(d.nodes, object.Entry{}))
}

// Beside makes another space of the same owner. It holds, by reference, what lies at a path of this one, or nothing for
// "".
func (d *Drive) Beside(ctx context.Context, path string) (*Drive, error) {
	secret, err := crypto.Random[crypto.SpaceSecret](rand.Reader)
	if err != nil {
		return nil, err
	}
	keys := secret.Keys()
	keys.Owner, keys.Store = d.Account.Author().ID(), d.Keys.Store
	other := open(d.Store, d.Account, keys, d.Now)
	other.nodes = d.nodes
	files := tree.New(d.nodes, object.Entry{})
	if path != "" {
		if files, err = d.files.Sub(ctx, path); err != nil {
			return nil, err
		}
	}
	return other, other.begin(ctx, files)
}

func open(store remote.Store, account crypto.AccountSecret, keys crypto.Capability, now time.Time) *Drive {
	return &Drive{
		Store: store, Account: account, Keys: keys, Now: now, nodes: tree.NewNodes(store, tree.Options{}),
		pieces: map[crypto.BlobName][]byte{}, put: map[crypto.BlobName]struct{}{},
	}
}

// begin makes the first commit.
func (d *Drive) begin(ctx context.Context, files tree.Tree) error {
	d.files = files
	empty := tree.New(d.nodes, object.Entry{})
	whole, err := empty.Graft(ctx, "/history", empty)
	if err != nil {
		return err
	}
	return d.Commit(ctx, whole)
}

// Again returns the same drive as another gateway sees it.
func (d *Drive) Again(ctx context.Context, store remote.Store) (*Drive, error) {
	other := open(store, d.Account, d.Keys, d.Now)
	other.version, other.Version = d.version+1<<32, d.Version
	return other, other.Load(ctx)
}

// Load takes over the newest state of the remote.
func (d *Drive) Load(ctx context.Context) error {
	p, err := d.Store.Load(ctx, d.Keys.ID)
	if err != nil {
		return err
	}
	value, err := crypto.OpenValue(d.Keys.Read, p)
	if err != nil {
		return err
	}
	head, err := object.DecodeHead(value)
	if err != nil {
		return err
	}
	s, err := d.Roots(nil).Earlier(ctx, head.Commit)
	if err != nil {
		return err
	}
	files, err := s.Tree.Sub(ctx, "/files")
	if err != nil {
		return err
	}
	d.pointer, d.base, d.files = p, s, files
	return nil
}

// Roots returns the owner's spaces, with this one as the own space. It does not cache anything, so that every damage is
// seen.
func (d *Drive) Roots(registry roots.Registry) *roots.Set {
	return roots.New(roots.Options{
		Own: d.Keys, Pointers: d.Store, Nodes: tree.NewNodes(d.Store, tree.Options{}), Registry: registry,
	})
}

// Held implements gc.Drive.
func (d *Drive) Held() []crypto.BlobName { return d.HeldNow }

// GivenUp implements gc.Drive.
func (d *Drive) GivenUp() []crypto.BlobName {
	var names []crypto.BlobName
	for name := range maps.Keys(d.put) {
		names = append(names, name)
	}
	clear(d.put)
	return names
}

// Writes implements gc.Drive.
func (d *Drive) Writes(id crypto.PointerID) bool { return id == d.Keys.ID }

// Repack implements gc.Drive.
func (d *Drive) Repack(ctx context.Context, _ crypto.PointerID, plan gc.Plan) error {
	if err := d.Load(ctx); err != nil {
		return err
	}
	whole, err := plan.Repacking.Move(ctx, d.base.Tree)
	if err != nil {
		return err
	}
	files, err := plan.Repacking.Move(ctx, d.files)
	if err != nil || whole == d.base.Tree && files == d.files {
		return err
	}
	d.files = files
	return d.Commit(ctx, whole)
}

func (d *Drive) emit(ctx context.Context, blob []byte) (crypto.BlobName, error) {
	name := crypto.NameOf(blob)
	d.put[name] = struct{}{}
	return name, d.Store.Put(ctx, name, remote.BytesBody(blob))
}

// Piece implements tree.Pieces.
func (d *Drive) Piece(_ context.Context, name crypto.BlobName) ([]byte, error) {
	if b, ok := d.pieces[name]; ok {
		return b, nil
	}
	return nil, fmt.Errorf("no piece %v", name)
}

// Commit commits the files on top of a state's tree, and leaves them in the history.
func (d *Drive) Commit(ctx context.Context, whole tree.Tree) error {
	d.Now = d.Now.Add(time.Second)
	whole, err := whole.Graft(ctx, "/files", d.files)
	if err == nil {
		whole, err = whole.Graft(ctx, "/history/"+layout.StateName(d.Now), d.files)
	}
	if err != nil {
		return err
	}
	sign := func(root object.Entry, front crypto.BlobName) ([]byte, error) {
		c := object.Commit{Root: root, Time: d.Now.UnixNano(), Device: "test", Front: front}
		if d.base.Ref != (object.Ref{}) {
			c.Parent = object.Parent{Commit: d.base.Ref, Hash: d.base.Hash}
		}
		c.Roster = d.Roster
		c.Sign(d.Account.Author())
		return c.Encode(crypto.BlobName{}), nil
	}
	packed, err := tree.Pack(ctx, whole, tree.Packing{Pieces: d, Emit: d.emit, Commit: sign, Rand: rand.Reader})
	if err != nil {
		return err
	}
	writer, seq := d.Keys.Writer.Key(), d.pointer.Seq+1
	head := object.Head{Version: max(d.Version, object.Version1), Commit: packed.Commit}.Encode()
	value, err := crypto.SealValue(d.Keys.Read, writer.ID(), seq, head, rand.Reader)
	if err != nil {
		return err
	}
	old := crypto.PointerHash{}
	if d.pointer != (crypto.Pointer{}) {
		old = d.pointer.Hash()
	}
	if err := d.Store.Swap(ctx, old, writer.Sign(seq, value)); err != nil {
		return err
	}
	packed.Settle()
	clear(d.put)
	return d.Load(ctx)
}

// Do applies changes to the files and commits them.
func (d *Drive) Do(ctx context.Context, ops ...tree.Op) error {
	for _, op := range ops {
		next, _, err := tree.Apply(ctx, d.files, op)
		if err != nil {
			return err
		}
		d.files = next
	}
	return d.Commit(ctx, d.base.Tree)
}

// Files returns the files of the newest state.
func (d *Drive) Files() tree.Tree { return d.files }

// Replace commits other files.
func (d *Drive) Replace(ctx context.Context, files tree.Tree) error {
	d.files = files
	return d.Commit(ctx, d.base.Tree)
}

// Forget removes all states of the history but the newest keep, in one commit, whose own state stays. The same commit
// applies ops to the files.
func (d *Drive) Forget(ctx context.Context, keep int, ops ...tree.Op) error {
	for _, op := range ops {
		next, _, err := tree.Apply(ctx, d.files, op)
		if err != nil {
			return err
		}
		d.files = next
	}
	var names []string
	for e, err := range d.base.Tree.List(ctx, "/history") {
		if err != nil {
			return err
		}
		names = append(names, e.Info().Name)
	}
	whole := d.base.Tree
	for _, name := range names[:max(0, len(names)-keep)] {
		var err error
		if whole, _, err = tree.Apply(ctx, whole, tree.Remove{Path: "/history/" + name}); err != nil {
			return err
		}
	}
	return d.Commit(ctx, whole)
}

// File returns the change that puts a file: a small one as a piece, others as chunks, which it puts at once.
func (d *Drive) File(ctx context.Context, path string, body []byte) (tree.Put, error) {
	d.version++
	put := tree.Put{Path: path, Entry: object.Entry{
		Kind: object.File, Size: int64(len(body)), Modified: d.Now.UnixNano(), Created: d.Now.UnixNano(),
	}}
	for i := range 8 {
		put.Entry.Version[i] = byte(d.version >> (8 * i))
	}
	if len(body) == 0 {
		return put, nil
	}
	var all object.Content
	for number := 0; number*crypto.ChunkSize < len(body); number++ {
		part := body[number*crypto.ChunkSize : min(len(body), (number+1)*crypto.ChunkSize)]
		c, sealed, err := d.seal(number, part, put.Entry.Version)
		if err != nil {
			return put, err
		}
		if len(body) <= content.SmallLimit {
			put.Piece = crypto.NameOf(sealed)
			d.pieces[put.Piece] = sealed
		} else {
			blob, err := crypto.Pad(sealed, rand.Reader)
			if err != nil {
				return put, err
			}
			if c.Blob, err = d.emit(ctx, blob); err != nil {
				return put, err
			}
		}
		all.Chunks = append(all.Chunks, c)
	}
	var err error
	put.Entry.Content, err = d.index(ctx, all, put.Entry.Size)
	return put, err
}

func (d *Drive) seal(number int, plain []byte, version vfs.Version) (c object.Chunk, sealed []byte, err error) {
	if c.Meta, err = crypto.Random[crypto.MetaKey](rand.Reader); err != nil {
		return c, nil, err
	}
	if c.Bytes, err = crypto.Random[crypto.BytesKey](rand.Reader); err != nil {
		return c, nil, err
	}
	sealed = crypto.SealChunkMeta(nil, c.Meta, crypto.ChunkMeta{
		Number: uint64(number), Size: uint32(len(plain)), Version: version,
	})
	segments := crypto.NewSegments(c.Bytes)
	for i := range crypto.SegmentCount(len(plain)) {
		part := plain[i*crypto.SegmentSize : min(len(plain), (i+1)*crypto.SegmentSize)]
		sealed = segments.Seal(sealed, uint32(i), i == crypto.SegmentCount(len(plain))-1, part)
	}
	return c, sealed, nil
}

// index puts what does not fit into an entry into one index node.
func (d *Drive) index(ctx context.Context, c object.Content, size int64) (object.Content, error) {
	if level, _ := object.Shape(size); level == 0 {
		return c, nil
	}
	key, err := crypto.Random[crypto.NodeKey](rand.Reader)
	if err != nil {
		return c, err
	}
	sealed := crypto.SealNode(nil, key, object.AppendIndex(nil, c))
	blob, err := crypto.Pad(sealed, rand.Reader)
	if err != nil {
		return c, err
	}
	name, err := d.emit(ctx, blob)
	return object.Content{Level: 1, Nodes: []object.Ref{{Blob: name, Len: uint32(len(sealed)), Key: key}}}, err
}

// Read reads a file of the newest state by its path there: "/files/a" or one of the history.
func (d *Drive) Read(ctx context.Context, path string) ([]byte, error) {
	return ReadFile(ctx, d.Store, d.base.Tree, path)
}

// Tree returns the newest state's tree.
func (d *Drive) Tree() tree.Tree { return d.base.Tree }

// ReadFile reads a file of a tree, without any cache.
func ReadFile(ctx context.Context, src content.Source, t tree.Tree, path string) ([]byte, error) {
	e, err := t.Lookup(ctx, path)
	if err != nil {
		return nil, err
	}
	if e.IsFolder() {
		return nil, vfs.ErrIsFolder
	}
	c, _ := e.Content().Load()
	r, err := content.NewReader(ctx, src, c, e.Info().Size, content.ReaderOptions{Ahead: -1})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = r.WriteTo(&b)
	return b.Bytes(), errors.Join(err, r.Close())
}

// Base returns the newest state.
func (d *Drive) Base() roots.State { return d.base }
