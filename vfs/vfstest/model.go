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

// ModelOptions shape a Model. The zero value is right for most tests.
type ModelOptions struct {
	// Clock gives the times of what is made. Nil: a clock that starts at 2026-01-01 00:00:00 UTC and goes on by a
	// millisecond with each look, so that runs repeat exactly.
	Clock func() time.Time
	// Version names new contents. Nil: 1, 2, 3, … as big-endian numbers.
	Version func() vfs.Version
	// Limit is how many bytes all files together may take; beyond it is vfs.ErrFull. Zero: no limit.
	Limit int64
	// Fail is asked before each operation ("stat", "list", "open", "read", "create", "write", "commit", "mkdir", "remove",
	// "move", "copy", "patch"); what it returns but nil is the operation's error, and nothing has changed.
	Fail func(op, path string) error
}

// Model is a drive in memory: the plainest thing that keeps the contract of vfs.FS. It is what property tests compare
// the real drive with, and the double under the unit tests of what lies above.
//
// The root is read-only and holds the writable folder "/files". Where the contract leaves a choice, the model chooses
// so: an invalid name is vfs.ErrName to a change and vfs.ErrNotExist to a look; a condition runs after the names were
// found valid and before anything else is checked; a folder's Modified moves only by Patch, Move and Copy.
type Model struct {
	o ModelOptions

	mu       sync.Mutex
	root     *node
	versions uint64
	now      time.Time
}

var _ vfs.FS = (*Model)(nil)

// node is a file or a folder. Its info lacks what is derived: the size of a folder.
type node struct {
	info vfs.Info
	data []byte           // of a file; never changed, only replaced
	kids map[string]*node // of a folder, by normalised name
}

// NewModel makes an empty drive.
func NewModel(o ModelOptions) *Model {
	m := &Model{o: o, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	m.root = m.newFolder("")
	m.root.info.ReadOnly = true
	m.root.kids["files"] = m.newFolder("files")
	return m
}

// Freeze makes what lies at path read-only with all that is in it, like a folder that a friend shares.
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

// Root makes a folder beside "/files", where no client can make one.
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

// List implements vfs.Reader. The listing is one state of the folder, taken when it begins.
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

// Usage implements vfs.FS: the whole drive shares one room.
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

// begin is asked first in each operation, under the lock.
func (m *Model) begin(ctx context.Context, op, path string) error {
	if err := ctx.Err(); err != nil {
		return fail(op, path, err)
	}
	if m.o.Fail != nil {
		return m.o.Fail(op, path)
	}
	return nil
}

// place is where a path leads: a child of parent (nil for the root), which need not be there (node is nil then).
type place struct {
	parent *node
	key    string // normalised name
	name   string // as asked for
	node   *node
}

// find resolves a path as far as its parent; the error is a bare kind.
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

// lookup resolves the path of something that must be there.
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

// look is the info as it is given away: whole, and sharing nothing that changes.
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

// clone copies a node, with all below it unless shallow. The copy is writable.
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

// split cuts a path into names; false when it isn't one.
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

// sortKey is what names are equal and sorted by.
func sortKey(name string) string { return norm.NFC.String(name) }

func fail(op, path string, kind error) error { return &vfs.Error{Op: op, Path: path, Kind: kind} }
