// Package space implements vfs.FS for one space, and opens the spaces of a home together. Its parts, from the bottom
// up: base is the newest known commit, view shows a state to readers, local is what all spaces of a home share, working
// keeps the changes that no commit holds yet, late computes the MD5s that uploads did not wait for, commit brings the
// changes to the remote, keep maintains a space.
//
// The path of a change: the working copy makes a new tree, the journal records the change, one fsync makes it durable,
// and the call returns. Later the committer uploads what was staged, packs what changed, and moves the pointer; then
// the journal drops the record. After a crash the journal is replayed onto the newest commit, which records how much of
// the journal it already holds.
package space

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/localfs"
	"postern/vfs"
	"postern/vfs/gc"
	"postern/vfs/object"
	"postern/vfs/roots"
	"postern/vfs/space/base"
	"postern/vfs/space/commit"
	"postern/vfs/space/keep"
	"postern/vfs/space/late"
	"postern/vfs/space/local"
	"postern/vfs/space/view"
	"postern/vfs/space/working"
	"postern/vfs/staging"
	"postern/vfs/tree"
)

type (
	// Keys are the keys of a writer of a space.
	Keys = base.Keys
	// Device is the gateway that writes.
	Device = local.Device
	// Keep says how much of the history stays.
	Keep = base.Keep
	// Beginning is the first state of a space.
	Beginning = commit.Beginning
)

// Options of an account's own space. Store, Keys and Dir are needed; the zero value of the rest works.
type Options struct {
	Store  remote.Store // the remote, already wrapped with retry, verify and cache
	Keys   Keys         // open the space for writing
	Dir    string       // holds the folders journal and staging
	Device Device

	// Own says that Store lies beside Dir and has no other writer, so that staged files may be linked into it.
	Own bool

	StagingLimit int64         // limit in bytes for staged data; 0: staging.DefaultLimit
	Patience     time.Duration // how long a write waits for room in staging; 0: remote.Shipped.Full; negative: not at all
	SyncThrough  bool          // changes return only once they are committed at the remote
	Deadlines    remote.Deadlines
	Keep         Keep          // how much of the history stays; zero: base.DefaultKeep
	Grace        time.Duration // how long garbage stays, and how long this gateway may be away; 0: gc.DefaultGrace
	PageMemory   int64         // bytes of decoded folder pages to keep; 0: tree.DefaultMemory
	CompactFrom  int64         // size in bytes of the journal from which on it is compacted; 0: local.DefaultCompactFrom
	// Registry names the owner's other spaces; nil: if the drive may have some, its garbage is not collected.
	Registry roots.Registry
	// Place returns the folder of the drive where a space is mounted, for reports; see roots.Options. Nil: unknown.
	Place func(crypto.PointerID) string

	// Beside returns the options for opening another space of the home, which has changes in the journal, as Home.Open
	// takes them. The home opens such a space by itself as long as nobody else does. An error means that the space can't
	// be opened now, or that this drive does not know it; Beside is called again later. Nil: such a space waits until
	// somebody opens it.
	Beside func(ctx context.Context, id crypto.PointerID) (Options, error)

	// Carry is called for each folder that another device has edited while it became a mount here, or the reverse: it lies
	// next to the mount, and its changes belong into the mounted space. The call may be repeated, also after a start. It
	// must return soon, and must not call a space. Nil: no call.
	Carry func(in crypto.PointerID, c tree.Conflict)

	// Committed is called whenever a space of the home has or may have another newest commit, made here or by others,
	// including the one that Open starts with. It must return soon, and must not call a space. Nil: no call.
	Committed func()

	// Noted is called whenever the private state of the account's own space has changed, by a note made here or a commit
	// of another device, and the change is durable. It must return soon, and must not call a space. Nil: no call.
	Noted func()

	FS   localfs.FS       // file system of Dir; nil: the system's
	Log  *slog.Logger     // nil: quiet
	Rand io.Reader        // keys and versions; nil: crypto/rand
	Now  func() time.Time // nil: time.Now
}

// Space is an open space. Its methods may be called by several goroutines at once.
type Space struct {
	home    *local.Home
	beside  *beside // the home's other spaces; nil unless this is the home's own space
	options Options
	keys    Keys
	changes
	keeper *keep.Keeper
	opener *view.Opener
	late   *late.MD5s
	room   *room
	share  *staging.Share // of the home's staging area
}

// Open opens a home with the account's own space. It replays the journal's records that the newest commit does not
// hold, and starts the committer, which Close ends. If the remote is unreachable, Open starts with the newest commit
// that this gateway knows. Errors: base.ErrNoSpace when the account has none at this remote, those of the remote and of
// the journal.
func Open(ctx context.Context, o Options) (*Space, error) {
	o.Deadlines = o.Deadlines.OrShipped()
	if o.Keep == (Keep{}) {
		o.Keep = base.DefaultKeep
	}
	if o.Grace == 0 {
		o.Grace = gc.DefaultGrace
	}
	home, err := local.Open(local.Options{
		Dir: o.Dir, Own: o.Keys.ID, Frames: o.Keys.Frames, Device: o.Device, Link: o.Own, StagingLimit: o.StagingLimit,
		Patience: o.Patience, PageMemory: o.PageMemory, CompactFrom: o.CompactFrom, Deadlines: o.Deadlines,
		Committed: o.Committed, FS: o.FS, Log: o.Log, Rand: o.Rand, Now: o.Now,
	})
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, home, o, filepath.Join(o.Dir, savedName))
	if err != nil {
		return nil, errors.Join(err, home.Close())
	}
	s.beside = newBeside(Home{s}, o)
	return s, nil
}

func open(ctx context.Context, home *local.Home, o Options, saved string) (*Space, error) {
	s := &Space{home: home, options: o, keys: o.Keys, room: &room{store: o.Store, now: home.Now, limit: o.Deadlines.Room},
		share: home.Share(o.Keys.ID)}
	uploads := commit.NewUploads(o.Store, home)
	source := commit.Source{Store: o.Store, Home: home}
	grace := base.Grace{Period: o.Grace, Now: home.Now}
	nodes := tree.NewNodes(source, tree.Options{Pages: home.Pages})
	s.opener = &view.Opener{Source: source, Piece: home.Attachment, Indexes: home.Indexes, Ahead: home.Ahead,
		Pace: o.Store.Roles().Pace}
	s.through = o.SyncThrough
	s.copy = working.New(working.Options{
		Home: home, Space: o.Keys.Capability, Device: o.Keys.Device(home.Device.ID), Nodes: nodes, Grace: grace,
		Share:    s.share,
		File:     base.File{Path: saved, FS: home.FS, Frames: home.Frames, Rand: home.Rand},
		Landed:   func(ctx context.Context, seq uint64) error { return s.committer.Wait(ctx, seq) },
		Recorded: func(op tree.Op) { s.late.Follow(op) },
		Carry: func(c tree.Conflict) {
			if o.Carry != nil {
				o.Carry(o.Keys.ID, c)
			}
		},
		Sum:   func(ctx context.Context, e object.Entry) ([16]byte, error) { return s.late.Sum(ctx, e) },
		Begin: o.Deadlines.Begin,
		Noted: o.Noted,
	})
	s.late = late.New(late.Options{Copy: s.copy, Opener: s.opener, Kick: func() { s.committer.Kick() }, Log: home.Log})
	s.committer = commit.New(commit.Options{
		Home: home, Copy: s.copy, Keys: o.Keys, Nodes: nodes, Store: o.Store, Uploads: uploads, Keep: o.Keep, Grace: grace,
		Ready: s.late.Summed, Hurry: s.late.Hurry, Deadlines: o.Deadlines,
	})
	s.keeper = keep.New(keep.Options{
		Home: home, Copy: s.copy, Committer: s.committer, Uploads: uploads, Nodes: nodes, Store: o.Store,
		Space: o.Keys.Capability,
		Grace: grace, Files: s, Settle: s.settle, Registry: o.Registry, Place: o.Place,
	})
	begin, err := s.copy.Begin(ctx, o.Store)
	if err != nil {
		return nil, err
	}
	if err := s.committer.Start(ctx, begin); err != nil {
		s.late.Stop()
		s.copy.Close()
		return nil, err
	}
	return s, nil
}

// Create makes a space at a remote, as one commit of an empty folder. The error is remote.ErrConflict when the space
// exists already.
func Create(ctx context.Context, store remote.Store, keys Keys, device Device, random io.Reader, now time.Time) error {
	return commit.Create(ctx, store, keys, device, random, now, Beginning{})
}

// CreateFrom makes a space that begins with the files, the roster or the history of begin, as one commit. It does
// nothing if the space is there already and begins with the same. The error is remote.ErrConflict if it is there and
// differs.
func CreateFrom(
	ctx context.Context, store remote.Store, keys Keys, device Device, random io.Reader, now time.Time, begin Beginning,
) error {
	return commit.Create(ctx, store, keys, device, random, now, begin)
}

type (
	// PublishOptions are the options of Publish.
	PublishOptions = commit.PublishOptions
	// State is one commit of a space.
	State = base.State
)

// Publish makes the next commit of a space of this account without opening it, or the first one; see commit.Publish.
func Publish(ctx context.Context, store remote.Store, keys Keys, o PublishOptions, edit commit.Edit) (State, error) {
	return commit.Publish(ctx, store, keys, o, edit)
}

// Close stops the committer and, for a home's own space, closes the journal. Uncommitted changes stay in the journal
// and in staging, and are committed after the next Open. Call Flush first to have them all at the remote.
func (s *Space) Close() error {
	var errs []error
	if s.beside != nil {
		errs = append(errs, s.beside.close())
	}
	s.committer.Stop()
	s.late.Stop()
	s.copy.Close()
	if s.beside != nil {
		errs = append(errs, s.home.Close())
	}
	return errors.Join(errs...)
}

// Flush waits until every change made so far is committed at the remote. If ctx ends first, the error says why the
// committer failed.
func (s *Space) Flush(ctx context.Context) error {
	return s.committer.Wait(ctx, s.copy.Shown().Seq)
}

// Retry makes the committer look at the remote now, without waiting for its pause to end. It is for callers that know
// that the remote is back.
func (s *Space) Retry() { s.committer.Retry() }

// Home returns what all spaces of the home share.
func (s *Space) Home() Home { return Home{s} }

// Keeper returns the keeper, which collects, checks and repairs the space.
func (s *Space) Keeper() *keep.Keeper { return s.keeper }

// Committer returns the committer, which brings the space's changes to the remote.
func (s *Space) Committer() *commit.Committer { return s.committer }

// Files returns the files of the newest commit that this gateway knows.
func (s *Space) Files() tree.Tree { return s.copy.Committed().Files }

// Committed returns the files of the newest commit that this gateway knows, and whether that commit holds all changes
// made here.
func (s *Space) Committed(context.Context) (files tree.Tree, whole bool, err error) {
	whole = s.copy.Pending() == 0 // asked first: a commit may come between the two
	return s.Files(), whole, nil
}

// CommittedState returns the newest commit that this gateway knows.
func (s *Space) CommittedState() State { return s.copy.Committed() }

// ID returns the id of the space.
func (s *Space) ID() crypto.PointerID { return s.keys.ID }

// Store returns the remote that the space was opened with.
func (s *Space) Store() remote.Store { return s.options.Store }

// Status is the state of a space. The figures of the journal and of staging are those of its home.
type Status struct {
	commit.Status
	Files, Bytes int64 // files and folders in the space, and the bytes of the files

	PendingChanges int       // recorded, not yet committed
	PendingBytes   int64     // of the journal, sealed small files included
	PendingSince   time.Time // the oldest of them; zero when there is none
	StagedBytes    int64     // of blobs and promises in staging
	StagingLimit   int64     // negative: none
	Broken         string    // why changes are rejected: the journal can't be written; empty when they are accepted
}

// Status returns the state of the space. It makes no request and does not block for long.
func (s *Space) Status() Status {
	st := Status{Status: s.committer.Status(), PendingChanges: s.copy.Pending()}
	root := s.copy.Shown().Tree.Root()
	st.Files, st.Bytes = root.Count(), root.Info().Size
	if err := s.home.Broken(); err != nil {
		st.Broken = fmt.Sprint(err)
	}
	st.StagedBytes, st.StagingLimit = s.home.Area.Used()
	if st.PendingChanges > 0 {
		p := s.home.Pending()
		st.PendingBytes, st.PendingSince = p.Bytes, p.Oldest
	}
	return st
}

var _ vfs.FS = (*Space)(nil)
