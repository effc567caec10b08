package vfstest

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"postern/vfs"
)

// ModelOptions are the choices of a Model. The zero value suits most tests.
type ModelOptions struct {
	// Clock returns the times of new files and changes. Nil: a clock that starts at 2026-01-01 00:00:00 UTC and advances
	// by a millisecond with each call, so that runs are repeatable.
	Clock func() time.Time
	// Version returns the version of new contents. Nil: 1, 2, 3, … as big-endian numbers.
	Version func() vfs.Version
	// Limit is the largest total size of all files in bytes; beyond it changes fail with vfs.ErrFull. Zero: no limit.
	Limit int64
	// Fail is called before each operation ("stat", "list", "open", "read", "create", "write", "commit", "mkdir",
	// "remove", "move", "copy", "patch"). An error that it returns is the operation's error, and nothing changes.
	Fail func(op, path string) error
}

// Model is a drive in memory: the plainest implementation of the contract of vfs.FS. Property tests compare the real
// drive with it, and unit tests of the layers above use it as their drive.
//
// The root is read-only and has the writable folder "/files". Where the contract leaves a choice, the model chooses: an
// invalid name is vfs.ErrName for a change and vfs.ErrNotExist for a read; a condition runs once the names are valid
// and before any other check; only Patch, Move and Copy change a folder's Modified.
type Model struct {
	o ModelOptions

	mu       sync.Mutex
	root     *node
	versions uint64
	now      time.Time
}

var _ vfs.FS = (*Model)(nil)

// node is a file or a folder. Its info lacks the derived size of a folder.
type node struct {
	info vfs.Info
	data []byte           // of a file; replaced, never modified
	kids map[string]*node // of a folder, by normalised name
}

// NewModel returns an empty drive.
func NewModel(o ModelOptions) *Model {
	m := &Model{o: o, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	m.root = m.newFolder("")
	m.root.info.ReadOnly = true
	m.root.kids["files"] = m.newFolder("files")
	return m
}

// Freeze makes the entry at path and everything below it read-only, like a folder that a friend shares.
func (m *Model) Freeze(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.lookup("freeze", path)
	if err != nil {
		return err
	}
	at.freeze()
	return nil
}

// Root makes a folder next to "/files", where no client can make one.
func (m *Model) Root(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !validName(name) {
		return fail("root", "/"+name, vfs.ErrName)
	}
	if m.root.kids[sortKey(name)] != nil {
		return fail("root", "/"+name, vfs.ErrExist)
	}
	m.root.kids[sortKey(name)] = m.newFolder(name)
	return nil
}

// Stat implements vfs.Stater.
func (m *Model) Stat(ctx context.Context, path string) (vfs.Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stat(ctx, path)
}

// List implements vfs.Reader. The listing is one state of the folder, taken at its beginning.
func (m *Model) List(ctx context.Context, path string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		infos, err := m.list(ctx, path)
		if err != nil {
			yield(vfs.Info{}, err)
			return
		}
		for _, info := range infos {
			if err := ctx.Err(); err != nil {
				yield(vfs.Info{}, fail("list", path, err))
				return
			}
			if !yield(info, nil) {
				return
			}
		}
	}
}

// Open implements vfs.Reader.
func (m *Model) Open(ctx context.Context, path string) (vfs.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.begin(ctx, "open", path); err != nil {
		return nil, err
	}
	at, err := m.lookup("open", path)
	if err != nil {
		return nil, err
	}
	if at.info.Folder {
		return nil, fail("open", path, vfs.ErrIsFolder)
	}
	return &file{ctx: ctx, m: m, path: path, info: at.look(), data: at.data}, nil
}

// Usage implements vfs.FS: all paths share the space of the drive.
func (m *Model) Usage(ctx context.Context, path string, _ int64) (vfs.Usage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.begin(ctx, "usage", path); err != nil {
		return vfs.Usage{}, err
	}
	used := m.root.size()
	if m.o.Limit == 0 {
		return vfs.Usage{Used: used, Available: -1}, nil
	}
	return vfs.Usage{Used: used, Available: max(0, m.o.Limit-used)}, nil
}

func (m *Model) stat(ctx context.Context, path string) (vfs.Info, error) {
	if err := m.begin(ctx, "stat", path); err != nil {
		return vfs.Info{}, err
	}
	at, err := m.lookup("stat", path)
	if err != nil {
		return vfs.Info{}, err
	}
	return at.look(), nil
}

func (m *Model) list(ctx context.Context, path string) ([]vfs.Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.begin(ctx, "list", path); err != nil {
		return nil, err
	}
	at, err := m.lookup("list", path)
	if err != nil {
		return nil, err
	}
	if !at.info.Folder {
		return nil, fail("list", path, vfs.ErrNotFolder)
	}
	infos := make([]vfs.Info, 0, len(at.kids))
	for _, key := range slices.Sorted(maps.Keys(at.kids)) {
		infos = append(infos, at.kids[key].look())
	}
	return infos, nil
}

// begin is called first in each operation, under the lock.
func (m *Model) begin(ctx context.Context, op, path string) error {
	if err := ctx.Err(); err != nil {
		return fail(op, path, err)
	}
	if m.o.Fail != nil {
		return m.o.Fail(op, path)
	}
	return nil
}

// place is the target of a path: a child of parent (nil for the root). node is nil if the child does not exist.
type place struct {
	parent *node
	key    string // normalised name
	name   string // as given
	node   *node
}

// find resolves a path up to its parent; the error is a bare kind.
func (m *Model) find(path string) (place, error) {
	names, ok := split(path)
	if !ok {
		return place{}, vfs.ErrName
	}
	at := place{node: m.root}
	for _, name := range names {
		if at.node == nil {
			return place{}, vfs.ErrNotExist
		}
		if !at.node.info.Folder {
			return place{}, vfs.ErrNotFolder
		}
		key := sortKey(name)
		at = place{parent: at.node, key: key, name: name, node: at.node.kids[key]}
	}
	return at, nil
}

// lookup resolves the path of an existing entry.
func (m *Model) lookup(op, path string) (*node, error) {
	at, err := m.find(path)
	switch {
	case errors.Is(err, vfs.ErrName):
		return nil, fail(op, path, vfs.ErrNotExist)
	case err != nil:
		return nil, fail(op, path, err)
	case at.node == nil:
		return nil, fail(op, path, vfs.ErrNotExist)
	}
	return at.node, nil
}

func (m *Model) clock() time.Time {
	if m.o.Clock != nil {
		return m.o.Clock().Round(0).UTC()
	}
	m.now = m.now.Add(time.Millisecond)
	return m.now
}

func (m *Model) version() (v vfs.Version) {
	if m.o.Version != nil {
		return m.o.Version()
	}
	m.versions++
	binary.BigEndian.PutUint64(v[8:], m.versions)
	return v
}

func (m *Model) newFolder(name string) *node {
	now := m.clock()
	return &node{
		info: vfs.Info{Name: name, Folder: true, Modified: now, Created: now, Version: m.version()},
		kids: map[string]*node{},
	}
}

// look returns a complete copy of the info, which shares no mutable data.
func (n *node) look() vfs.Info {
	info := n.info
	info.Size = n.size()
	info.Properties = slices.Clone(info.Properties)
	return info
}

func (n *node) size() int64 {
	sum := int64(len(n.data))
	for _, kid := range n.kids {
		sum += kid.size()
	}
	return sum
}

// clone copies a node, with everything below it unless shallow. The copy is writable.
func (n *node) clone(shallow bool) *node {
	c := &node{info: n.info, data: n.data}
	c.info.ReadOnly = false
	c.info.Properties = slices.Clone(n.info.Properties)
	if n.info.Folder {
		c.kids = map[string]*node{}
		if !shallow {
			for key, kid := range n.kids {
				c.kids[key] = kid.clone(false)
			}
		}
	}
	return c
}

func (n *node) freeze() {
	n.info.ReadOnly = true
	for _, kid := range n.kids {
		kid.freeze()
	}
}

// split splits a path into names; false if the path is invalid.
func split(path string) ([]string, bool) {
	if path == "/" {
		return nil, true
	}
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return nil, false
	}
	names := strings.Split(rest, "/")
	for _, name := range names {
		if !validName(name) {
			return nil, false
		}
	}
	return names, true
}

func validName(name string) bool {
	return name != "" && len(name) <= vfs.MaxName && name != "." && name != ".." &&
		utf8.ValidString(name) && !strings.ContainsAny(name, "/\x00")
}

// sortKey returns the key by which names are compared and sorted.
func sortKey(name string) string { return norm.NFC.String(name) }

func fail(op, path string, kind error) error { return &vfs.Error{Op: op, Path: path, Kind: kind} }
