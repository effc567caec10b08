// Package local holds what all spaces of a home share on this machine: one journal, one staging area, one store of
// decoded pages, and one set of memory budgets. A record of the journal names the spaces that it changes, so a move
// between two spaces is one record.
package local

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/localfs"
	"postern/vfs/content"
	"postern/vfs/journal"
	"postern/vfs/object"
	"postern/vfs/space/poll"
	"postern/vfs/staging"
	"postern/vfs/tree"
)

// readAhead limits in bytes what all open files together may read ahead: half a dozen films at once.
const readAhead = 64 << 20

// writeBuffers limits in bytes what all uploads together hold in memory beyond their first blocks: enough for a dozen
// at full speed.
const writeBuffers = 64 << 20

// indexNodes is how many index nodes of large files are kept decoded, each for 640 MiB of a file: enough for a dozen
// films at once.
const indexNodes = 256

// Device is this gateway as a writer: commits record how much of its journal they hold, and conflict copies carry its
// name.
type Device struct {
	ID   object.DeviceID
	Name string
}

// Options of a home. Dir, Own and Frames are needed; the zero value of the rest works.
type Options struct {
	Dir    string           // holds the folders journal and staging
	Own    crypto.PointerID // the account's own space; records omit its id
	Frames func(salt [32]byte) crypto.FrameKey
	Device Device

	// Link says that the store lies beside Dir and has no other writer, so that staged files may be linked into it.
	Link         bool
	StagingLimit int64         // limit in bytes for staged data; 0: staging.DefaultLimit
	Patience     time.Duration // how long a write waits for room in staging; 0: remote.Shipped.Full; negative: not at all
	PageMemory   int64         // bytes of decoded folder pages to keep; 0: tree.DefaultMemory
	CompactFrom  int64         // size in bytes of the journal from which on it is compacted; 0: DefaultCompactFrom
	Deadlines    remote.Deadlines
	Committed    func() // called when a space has or may have another newest commit; nil: no call

	FS   localfs.FS       // file system of Dir; nil: the system's
	Log  *slog.Logger     // nil: quiet
	Rand io.Reader        // keys and versions; nil: crypto/rand
	Now  func() time.Time // nil: time.Now
}

// Home is an open home. Its methods may be called by several goroutines at once.
type Home struct {
	Dir    string
	FS     localfs.FS
	Frames func(salt [32]byte) crypto.FrameKey
	Device Device
	Log    *slog.Logger
	Rand   io.Reader
	Now    func() time.Time

	Deadlines remote.Deadlines
	Committed func() // returns soon

	Area    *staging.Area
	Pages   *tree.Pages
	Indexes *content.NodeCache // index nodes of large files
	Writing *content.Budget    // memory shared by all uploads
	Ahead   *content.Budget    // read-ahead shared by all open files
	Poller  *poll.Poller       // looks for commits of others

	// Sharing is held while staged blobs are released, and while a second space is made to need them.
	Sharing sync.Mutex

	crossings
	own     crypto.PointerID
	journal *journal.Journal

	mu      sync.Mutex
	scanned bool                          // unopened is complete
	revised bool                          // staging holds exactly what the journal needs
	pending map[crypto.PointerID]Waiter   // the open spaces
	waiting map[crypto.PointerID]unopened // the spaces that are not open
	done    uint64                        // the newest record that a space has dropped
	left    int64                         // what the last compaction left, in bytes

	compactFrom int64
	guests      *staging.Share // of all spaces but the own one

	lanes map[remote.Store]*Lane
}

// Waiter is an open space that has changes in the journal.
type Waiter interface {
	// FirstPending returns the oldest record of the journal that the space still needs.
	FirstPending() (seq uint64, found bool)
	// Durable returns when the change seq is durable, and makes it visible.
	Durable(seq uint64) error
	// Landed returns when the change seq is committed at the remote. The error is ErrFailing when the space's commits
	// fail.
	Landed(ctx context.Context, seq uint64) error
	// Each calls f for each record of the journal that the space still needs, with the staged blobs of its change, oldest
	// first. f must not call the space.
	Each(f func(seq uint64, blobs []crypto.BlobName))
}

// Open opens the journal and the staging area. Errors: those of the journal and the system.
func Open(o Options) (_ *Home, err error) {
	h := &Home{
		Dir: o.Dir, FS: o.FS, Frames: o.Frames, Device: o.Device, Log: o.Log, Rand: o.Rand, Now: o.Now, own: o.Own,
		Deadlines: o.Deadlines.OrShipped(), Committed: o.Committed,
		pending: map[crypto.PointerID]Waiter{}, waiting: map[crypto.PointerID]unopened{},
		compactFrom: cmp.Or(o.CompactFrom, DefaultCompactFrom), lanes: map[remote.Store]*Lane{},
	}
	if h.FS == nil {
		h.FS = localfs.OS{}
	}
	if h.Log == nil {
		h.Log = slog.New(slog.DiscardHandler)
	}
	if h.Rand == nil {
		h.Rand = rand.Reader
	}
	if h.Now == nil {
		h.Now = time.Now
	}
	if h.Committed == nil {
		h.Committed = func() {}
	}
	h.opened = h.openSpace
	h.Ahead, h.Writing = content.NewBudget(readAhead), content.NewBudget(writeBuffers)
	h.Indexes, h.Pages = content.NewNodeCache(indexNodes), tree.NewPages(o.PageMemory)
	h.Area, err = staging.Open(filepath.Join(o.Dir, "staging"), staging.Options{
		FS: h.FS, Limit: o.StagingLimit, Link: o.Link, Patience: o.Patience, Rand: h.Rand, Log: h.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("open the staging area: %w", err)
	}
	h.guests = h.Area.Share(nil, 2)
	h.journal, err = journal.Open(filepath.Join(o.Dir, "journal"), o.Frames, journal.Options{
		FS: h.FS, Rand: h.Rand, Clock: h.Now, Log: h.Log,
	})
	if err != nil {
		return nil, err
	}
	h.Poller = poll.New(poll.Options{Deadlines: h.Deadlines, Log: h.Log})
	return h, nil
}

// Share returns the part of the staging area that a space may take: a quarter, and all spaces but the own one together
// half. So one whose remote is away can't fill it for the others. The own space may take all, for which Share returns
// nil.
func (h *Home) Share(space crypto.PointerID) *staging.Share {
	if space == h.own {
		return nil
	}
	return h.Area.Share(h.guests, 2)
}

// Lane returns the lane of all uploads to a store.
func (h *Home) Lane(to remote.Store) *Lane {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.lanes[to]
	if l == nil {
		l = NewLane(to.Roles().Pace)
		h.lanes[to] = l
	}
	return l
}

// Owns reports whether a space is the account's own one.
func (h *Home) Owns(space crypto.PointerID) bool { return space == h.own }

// Close ends the polling and closes the journal. Close the spaces of the home first.
func (h *Home) Close() error {
	h.Poller.Close()
	return h.journal.Close()
}

// Append writes a record to the journal; it is durable when Sync has returned for its number. Errors: those of the
// journal.
func (h *Home) Append(r Record, attachment []byte) (seq uint64, err error) {
	encoded, err := r.encode(h.own)
	if err != nil {
		return 0, err
	}
	return h.journal.Append(encoded, attachment)
}

// Sync returns when the record seq and all before it are durable. Errors: those of the journal.
func (h *Home) Sync(seq uint64) error { return h.journal.Sync(context.Background(), seq) }

// Durable returns the newest durable record.
func (h *Home) Durable() uint64 { return h.journal.Durable() }

// Broken returns why the journal accepts no records, or nil.
func (h *Home) Broken() error { return h.journal.Broken() }

// Attachment returns the attachment of a record. The error is fs.ErrNotExist when the journal no longer has it.
func (h *Home) Attachment(name crypto.BlobName) ([]byte, error) { return h.journal.Attachment(name) }

// Pending returns what the journal holds for all spaces.
func (h *Home) Pending() journal.Stats { return h.journal.Pending() }

// Replay calls f for each record that changes a space, in order. It reads nothing if the journal has no record of the
// space.
func (h *Home) Replay(space crypto.PointerID, f func(seq uint64, r Record) error) error {
	h.mu.Lock()
	first := !h.scanned
	none := h.scanned && h.pending[space] == nil && h.waiting[space] == nil
	h.mu.Unlock()
	if none {
		return nil
	}
	found := map[crypto.PointerID]unopened{}
	err := h.journal.Replay(func(rec journal.Record) error {
		r, err := decode(rec.Op, h.own)
		if err != nil {
			return fmt.Errorf("change %d: %w", rec.Seq, err)
		}
		if first {
			for _, p := range r.Parts {
				if p.Space == space && found[space] != nil {
					continue // it is about to open, and there may be hundreds of thousands
				}
				found[p.Space] = append(found[p.Space], needs{rec.Seq, p.Blobs})
			}
		}
		if r.part(space) == nil {
			return nil
		}
		return f(rec.Seq, r)
	})
	if err != nil || !first {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.scanned {
		h.scanned, h.waiting = true, found
	}
	return nil
}

// Trim drops the records that no space needs, after a space has dropped its records up to seq. Errors: those of the
// journal.
func (h *Home) Trim(seq uint64) error {
	h.mu.Lock()
	h.done = max(h.done, seq)
	done := h.done
	limit, spaces := done, make([]Waiter, 0, len(h.pending))
	for _, w := range h.pending {
		spaces = append(spaces, w)
	}
	for _, u := range h.waiting {
		limit = min(limit, u[0].seq-1)
	}
	h.mu.Unlock()
	// A record that was appended before seq is visible here, because its space holds its lock from appending the record
	// until storing it.
	for _, w := range spaces {
		if first, found := w.FirstPending(); found {
			limit = min(limit, first-1)
		}
	}
	if err := h.journal.Trim(limit); err != nil || limit == done {
		return err
	}
	return h.compact()
}

// Skip gives the next record a number above seq, because a commit says that it holds the records up to seq. It does
// nothing while a record waits to be committed. Errors: those of the journal.
func (h *Home) Skip(seq uint64) error {
	h.mu.Lock()
	waits := len(h.waiting) > 0
	for _, w := range h.pending {
		_, found := w.FirstPending()
		waits = waits || found
	}
	h.mu.Unlock()
	if waits {
		return nil
	}
	return h.journal.Skip(seq)
}
