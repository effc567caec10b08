// Package staging keeps sealed blobs on the local disk from the moment they are made until the commit that needs them
// has landed at the remote. The area is not a cache: it may hold the only copy of a blob.
//
// Blobs come in batches, one for each change of the drive. A batch is durable once Seal has returned: each blob was
// written under a temporary name, synced and renamed to its blob name, and the directory was synced once. Only then may
// the journal append the record that refers to it. After a crash the area may hold blobs that no record refers to; Keep
// removes them.
package staging

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/localfs"
	"postern/vfs"
)

const (
	// DefaultLimit is the default limit of an area: more than an hour of writing on a 25 Mbit/s uplink, and little enough
	// for most disks.
	DefaultLimit = 16 << 30
	// DefaultKeepFree is the space that client writes leave free on the disk: room for the journal's records, for state
	// and for a remote on the same disk, so that commits can continue and make room.
	DefaultKeepFree = 64 << 20
	// syncWorkers is the number of concurrent syncs of files. A sync mostly waits; more than a few only queue in the disk.
	syncWorkers = 4

	tempSuffix = ".tmp"
)

// Options are the choices of an area. The zero value works.
type Options struct {
	FS       localfs.FS    // nil: the system's
	Limit    int64         // bytes the area may take; 0: DefaultLimit; negative: none
	Patience time.Duration // how long a write waits for room; 0: remote.Shipped.Full; negative: never
	KeepFree int64         // bytes; 0: DefaultKeepFree; negative: none
	// Link lets a remote on the same disk make hard links to staged files instead of copying them. It is safe only where
	// no other process writes to the remote: truncating a linked blob there would destroy the staged one.
	Link bool
	Rand io.Reader    // names of temporary files; nil: crypto/rand
	Log  *slog.Logger // nil: no log
}

// Area is a directory of sealed blobs. It is safe for concurrent use, by one process at a time.
type Area struct {
	dir     string
	fs      localfs.FS
	rand    io.Reader
	log     *slog.Logger
	room    *room
	spare   int64 // bytes to keep free; negative: none
	link    bool
	syncing chan struct{} // a slot for each sync under way
	dirSync groupSync

	naming sync.Mutex // locked while files are renamed to blob names or removed; before mu

	mu    sync.Mutex
	blobs map[crypto.BlobName]*held
}

// held is the state of one blob.
type held struct {
	size    int64
	batches int  // unsealed batches that hold it
	kept    bool // sealed at least once; stays until it is released
}

// Open opens or creates an area. It removes temporary files that a crash left behind, and keeps all whole blobs until
// Keep or Release removes them.
func Open(dir string, o Options) (*Area, error) {
	if o.FS == nil {
		o.FS = localfs.OS{}
	}
	if o.Limit == 0 {
		o.Limit = DefaultLimit
	}
	if o.Patience == 0 {
		o.Patience = remote.Shipped.Full
	}
	if o.KeepFree == 0 {
		o.KeepFree = DefaultKeepFree
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &Area{
		dir:     dir,
		fs:      o.FS,
		rand:    o.Rand,
		log:     o.Log,
		room:    newRoom(o.Limit, o.Patience),
		spare:   o.KeepFree,
		link:    o.Link,
		syncing: make(chan struct{}, syncWorkers),
		blobs:   make(map[crypto.BlobName]*held),
	}
	a.dirSync.sync = func() error { return a.fs.SyncDir(a.dir) }
	if err := a.fs.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("open staging area: %w", err)
	}
	list, err := a.fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("open staging area: %w", err)
	}
	for _, e := range list {
		if strings.HasSuffix(e.Name, tempSuffix) {
			if err := a.fs.Remove(filepath.Join(dir, e.Name)); err != nil {
				return nil, fmt.Errorf("remove an unfinished blob from the staging area: %w", err)
			}
			continue
		}
		name, err := crypto.ParseBlobName(e.Name)
		if err != nil {
			a.log.Warn("a file in the staging area is not a blob and is ignored", "file", e.Name)
			continue
		}
		a.blobs[name] = &held{size: e.Size, kept: true}
		a.room.take(e.Size)
	}
	return a, nil
}

// Names returns the durable blobs of the area, unsorted.
func (a *Area) Names() []crypto.BlobName {
	a.mu.Lock()
	defer a.mu.Unlock()
	names := make([]crypto.BlobName, 0, len(a.blobs))
	for name, h := range a.blobs {
		if h.kept {
			names = append(names, name)
		}
	}
	return names
}

// Has reports whether a blob is in the area.
func (a *Area) Has(name crypto.BlobName) bool {
	_, err := a.size(name)
	return err == nil
}

// Used returns the bytes that blobs and reservations take, and the limit (negative: none).
func (a *Area) Used() (used, limit int64) { return a.room.figures() }

// Reserve waits for n bytes of room and takes them; give returns them. Reserve returns vfs.ErrFull if there is no room
// after Options.Patience, if n exceeds the limit, or if the disk is nearly full, and the context's error if the context
// ends first.
func (a *Area) Reserve(ctx context.Context, n int64) (give func(), err error) {
	if t, ok := a.fs.(localfs.Teller); ok && a.spare >= 0 {
		// If the free space is unknown, the write itself reports a full disk.
		if free, err := t.Free(a.dir); err == nil && free-n < a.spare {
			return nil, fmt.Errorf("%w: %d bytes are left on the disk of %s, too few for %d more and a reserve of %d",
				vfs.ErrFull,
				free, a.dir, n, a.spare)
		}
	}
	if err := a.room.wait(ctx, n); err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { a.room.give(n) }), nil
}

// Release removes blobs after the commit that needed them has landed. Unknown names are ignored. If a blob cannot be
// removed, Release logs that, and Keep removes it after the next start.
func (a *Area) Release(names ...crypto.BlobName) {
	for _, name := range names {
		a.drop(name, func(h *held) { h.kept = false })
	}
}

// drop changes the state of a blob and removes the blob if nothing needs it any more. It removes the file without mu,
// so that readers of other blobs do not wait for the disk, and under naming, so that the same name cannot be staged at
// that moment.
func (a *Area) drop(name crypto.BlobName, change func(*held)) {
	a.naming.Lock()
	defer a.naming.Unlock()
	a.mu.Lock()
	h := a.blobs[name]
	if h == nil {
		a.mu.Unlock()
		return
	}
	change(h)
	if h.kept || h.batches > 0 {
		a.mu.Unlock()
		return
	}
	delete(a.blobs, name)
	a.mu.Unlock()
	if err := a.fs.Remove(a.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.log.Warn("a blob that is no longer needed cannot be removed from the staging area", "blob", name.String(), "error",
			err)
	}
	a.room.give(h.size)
}

// Keep releases every durable blob that is not in needed, and returns their number. It is called once after a start,
// when the journal has been replayed.
func (a *Area) Keep(needed map[crypto.BlobName]struct{}) int {
	released := 0
	for _, name := range a.Names() {
		if _, ok := needed[name]; !ok {
			a.Release(name)
			released++
		}
	}
	return released
}

// GetRange fills p with a blob's bytes from off on. Errors: remote.ErrNotFound if the blob is not in the area,
// remote.ErrCorrupt if it ends before the range does.
func (a *Area) GetRange(_ context.Context, name crypto.BlobName, off int64, p []byte) error {
	size, err := a.size(name)
	if err != nil {
		return err
	}
	if off < 0 || off+int64(len(p)) > size {
		return &remote.Error{Op: "read staged blob", On: name.String(), Kind: remote.ErrCorrupt,
			Err: fmt.Errorf("the range %d+%d ends past its %d bytes", off, len(p), size)}
	}
	f, err := a.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if n, err := f.ReadAt(p, off); n < len(p) {
		kind := remote.ErrUnavailable
		if errors.Is(err, io.EOF) {
			kind = remote.ErrCorrupt
		}
		return &remote.Error{Op: "read staged blob", On: name.String(), Kind: kind, Err: err}
	}
	return nil
}

// Get returns a whole blob. Its errors are those of GetRange.
func (a *Area) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	size, err := a.size(name)
	if err != nil {
		return nil, err
	}
	if size > crypto.MaxBlobSize {
		return nil, &remote.Error{Op: "read staged blob", On: name.String(), Kind: remote.ErrCorrupt,
			Err: fmt.Errorf("it has %d bytes, more than a blob may have", size)}
	}
	p := make([]byte, size)
	return p, a.GetRange(ctx, name, 0, p)
}

func (a *Area) size(name crypto.BlobName) (int64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if h := a.blobs[name]; h != nil {
		return h.size, nil
	}
	return 0, notFound(name, nil)
}

func (a *Area) open(name crypto.BlobName) (localfs.File, error) {
	f, err := a.fs.Open(a.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFound(name, err)
	}
	if err != nil {
		return nil, &remote.Error{Op: "read staged blob", On: name.String(), Kind: remote.ErrUnavailable, Err: err}
	}
	return f, nil
}

func (a *Area) path(name crypto.BlobName) string { return filepath.Join(a.dir, name.String()) }

// temp returns a new name for a temporary file.
func (a *Area) temp() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(a.rand, b[:]); err != nil {
		return "", fmt.Errorf("no random bytes for a temporary name: %w", err)
	}
	return filepath.Join(a.dir, hex.EncodeToString(b[:])+tempSuffix), nil
}

func notFound(name crypto.BlobName, err error) error {
	return &remote.Error{Op: "read staged blob", On: name.String(), Kind: remote.ErrNotFound, Err: err}
}

// full maps the system's error of a full disk to vfs.ErrFull.
func full(op string, err error) error {
	if localfs.IsFull(err) {
		return fmt.Errorf("%s: %w: %w", op, vfs.ErrFull, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}
