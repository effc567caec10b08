// Package space keeps one space: its newest state in memory, its changes in the journal until they are committed, its commits at
// the remote. It is a vfs.FS whose root is the space's root folder.
//
// The way of a change: Apply makes a new tree, the journal records the change, one fsync makes it durable, the caller is
// answered. Later the committer uploads what was staged, packs what changed, and swings the pointer; then the journal forgets.
// After a crash the journal is replayed onto the newest commit, which says how much of the journal it holds already.
package space

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/localfs"
	"postern/vfs/content"
	"postern/vfs/gc"
	"postern/vfs/journal"
	"postern/vfs/object"
	"postern/vfs/staging"
	"postern/vfs/tree"
)

// DefaultCommitDelay is how long a change waits for others to travel with it. A second is little to who looks from another device, and
// makes a handful of blobs of a thousand small files.
const DefaultCommitDelay = time.Second

// DefaultPollInterval is how often a gateway looks for what other devices have committed: one small request, and a change made
// elsewhere is seen while its author still waits for the answer on the telephone.
const DefaultPollInterval = 15 * time.Second

// readAhead bounds in bytes what all open files together may read ahead: half a dozen films at once.
const readAhead = 64 << 20

// writeBuffers bounds in bytes what all uploads together hold in memory beyond their first blocks: as much as a dozen take at full speed.
const writeBuffers = 64 << 20

// indexNodes is how many index nodes of large files are kept decoded, each of 640 MiB of a file: enough for a dozen films at once.
const indexNodes = 256

// Options of a space. Store, Keys and Dir are needed; the zero value of the rest works.
type Options struct {
	Store  remote.Store // the remote, already retried, verified and cached
	Keys   Keys         // open the space for writing
	Dir    string       // holds the folders journal and staging
	Device Device

	// Own says that Store lies beside Dir and that nobody else writes to it, so that staged files may be linked into it.
	Own bool

	StagingLimit int64         // bytes that may wait for the remote; 0: staging.DefaultLimit
	Patience     time.Duration // how long a write waits for room among them; 0: staging.DefaultPatience; negative: not at all
	SyncThrough  bool          // answer changes only when they are committed at the remote
	CommitDelay  time.Duration // 0: DefaultCommitDelay
	PollInterval time.Duration // how often to look for other devices' commits; 0: DefaultPollInterval
	Keep         Keep          // how much of the history stays; zero: DefaultKeep
	Grace        time.Duration // how long what nobody needs stays, and this gateway may be away; 0: gc.DefaultGrace
	PageMemory   int64         // bytes of decoded folder pages that are kept; 0: tree.DefaultMemory

	// Committed is told the files of each commit that becomes the newest known, made here or by another device, and of the one that Open
	// begins with, and whether it holds all that was changed here. It must return soon, and must not call the space. Nil: nobody is told.
	Committed func(files tree.Tree, whole bool)
	// Moved is told of each folder that was renamed or moved here, before whoever did so is answered. It must not call the space. Nil: nobody
	// is told.
	Moved func(from, to string)

	FS   localfs.FS       // where Dir is; nil: the system's
	Log  *slog.Logger     // nil: quiet
	Rand io.Reader        // keys and versions; nil: crypto/rand
	Now  func() time.Time // nil: time.Now
}

// Device is the gateway that writes: commits say how much of its journal they hold, and conflicts bear its name.
type Device struct {
	ID   object.DeviceID
	Name string
}

// Space is an open space. Its methods may be called by several goroutines at once.
type Space struct {
	dir     string
	fs      localfs.FS
	store   remote.Store
	keys    Keys
	device  Device
	delay   time.Duration
	poll    time.Duration
	through bool
	keep    Keep
	grace   time.Duration
	log     *slog.Logger
	rand    io.Reader
	now     func() time.Time

	area    *staging.Area
	journal *journal.Journal
	nodes   *tree.Nodes
	indexes *content.NodeCache // of large files
	writing *content.Budget    // what all uploads together may hold in memory
	ahead   *content.Budget    // what all open files together may read ahead

	changing sync.Mutex           // held from applying a change to recording it, so that the journal's order is the tree's
	head     atomic.Pointer[head] // the newest recorded state; see durable.go
	shown    atomic.Pointer[head] // the newest durable state
	recorded []*head              // the states between the two, oldest first; guarded by changing
	pending  []pending            // changes not yet committed, oldest first; guarded by changing
	// unrecorded, guarded by changing, is the merge with another device's commit that the journal's next record is made to.
	unrecorded *record

	blocked   atomic.Pointer[error]     // why no changes are taken; nil: they are
	told      func(tree.Tree, bool)     // of each commit; nil: nobody is
	moved     func(from, to string)     // told of each folder that was moved; nil: nobody is
	committed atomic.Pointer[tree.Tree] // the newest commit's tree, with the history
	thinned   time.Time                 // when the history was looked through last; only the committer uses it

	committer   committer
	puts        puts
	room        room
	removed     atomic.Int64  // bytes of files that were removed or replaced since it was collected last
	collectedAt atomic.Uint64 // what the commits had put when it was collected last, in bytes
}

// head is one state of the space: the tree, and the journal's newest record in it.
type head struct {
	tree tree.Tree
	seq  uint64
}

// pending is what a change keeps in staging until it is committed.
type pending struct {
	seq   uint64
	blobs []crypto.BlobName
	give  func() // returns the room that the journal's attachment takes; may be nil
}

// Open opens the account's own space, replays what the journal holds beyond the newest commit and starts the committer, which
// ends with Close. When the remote can't be reached, it begins with the newest commit that this gateway knew. Errors: ErrNoSpace
// when the account has none at this remote, those of the remote and of the journal.
func Open(ctx context.Context, o Options) (_ *Space, err error) {
	s := &Space{
		dir: o.Dir, fs: o.FS, store: o.Store, keys: o.Keys, device: o.Device, through: o.SyncThrough,
		delay: o.CommitDelay, poll: o.PollInterval, keep: o.Keep, told: o.Committed, moved: o.Moved, log: o.Log, rand: o.Rand, now: o.Now,
	}
	if s.delay == 0 {
		s.delay = DefaultCommitDelay
	}
	if s.poll == 0 {
		s.poll = DefaultPollInterval
	}
	if s.keep == (Keep{}) {
		s.keep = DefaultKeep
	}
	if s.grace = o.Grace; s.grace == 0 {
		s.grace = gc.DefaultGrace
	}
	if s.fs == nil {
		s.fs = localfs.OS{}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.rand == nil {
		s.rand = rand.Reader
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.ahead, s.writing = content.NewBudget(readAhead), content.NewBudget(writeBuffers)
	s.indexes = content.NewNodeCache(indexNodes)
	s.nodes = tree.NewNodes(source{s}, tree.Options{Memory: o.PageMemory})
	begin, err := s.findBase(ctx)
	if err != nil {
		return nil, err
	}
	if s.area, err = staging.Open(filepath.Join(o.Dir, "staging"), staging.Options{FS: s.fs, Limit: o.StagingLimit, Link: o.Own, Patience: o.Patience, Rand: s.rand, Log: s.log}); err != nil {
		return nil, fmt.Errorf("open the staging area: %w", err)
	}
	s.journal, err = journal.Open(filepath.Join(o.Dir, "journal"), o.Keys.Frames, journal.Options{FS: s.fs, Rand: s.rand, Clock: s.now, Log: s.log})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.journal.Close())
		}
	}()
	from, err := s.recover(ctx, begin)
	if err != nil {
		return nil, err
	}
	if err := s.committer.start(ctx, s, from, begin); err != nil {
		return nil, err
	}
	return s, nil
}

// Close stops the committer and closes the journal. What is not committed yet stays in the journal and in staging, and is
// committed after the next Open; call Flush before to have it all at the remote.
func (s *Space) Close() error {
	s.committer.stop()
	s.changing.Lock() // a change under way is recorded before the journal closes
	defer s.changing.Unlock()
	return s.journal.Close()
}

// Flush waits until every change that was made so far is committed at the remote. When ctx ends first, it tells why the
// committer could not.
func (s *Space) Flush(ctx context.Context) error {
	return s.committer.wait(ctx, s.shown.Load().seq)
}

// idlePages is how many bytes of decoded folder pages stay while nobody works: those of some 12,000 entries.
const idlePages = 8 << 20

// Rest gives back memory that only work needs. It costs the next listing of a large folder the decoding of its pages.
func (s *Space) Rest() { s.nodes.Trim(idlePages) }

// Status is what a space can tell about itself.
type Status struct {
	Files, Bytes int64 // files and folders in the space, and the bytes of the files

	PendingChanges int       // recorded, not yet committed
	PendingBytes   int64     // of the journal, sealed small files included
	PendingSince   time.Time // the oldest of them; zero when there is none
	StagedBytes    int64     // of blobs and promises in staging
	StagingLimit   int64     // negative: none

	Commits      uint64    // made by this process
	BlobsPut     uint64    // by this process's commits
	BytesPut     uint64    // by this process's commits
	LastCommit   time.Time // of this process; zero for none
	CommitFailed string    // why the newest attempt failed; empty when it went well
	Full         bool      // the newest attempt failed since the remote has no room
	Failures     uint64    // failed attempts of this process

	Lost         int       // blobs that changes made here refer to, and that were collected while this device was away
	OfflineSince time.Time // since when the remote could not be reached; zero when it can
	Blocked      string    // why no changes are taken: the remote shows an old or another state; empty when they are
	Broken       string    // why no changes are taken: the journal can't be written; empty when they are
	Copied       time.Time // when another copy of this home was noticed; zero when there is none
}

// Status returns how the space is. It asks nobody and never blocks for long.
func (s *Space) Status() Status {
	st := s.committer.status()
	root := s.shown.Load().tree.Root()
	st.Files, st.Bytes = root.Count(), root.Info().Size
	st.Broken = s.trouble()
	p := s.journal.Pending()
	st.PendingBytes, st.PendingSince = p.Bytes, p.Oldest
	s.changing.Lock()
	st.PendingChanges = len(s.pending)
	s.changing.Unlock()
	st.StagedBytes, st.StagingLimit = s.area.Used()
	if st.PendingChanges == 0 {
		st.PendingBytes, st.PendingSince = 0, time.Time{}
	}
	return st
}
