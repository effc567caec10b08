package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"postern/cache"
	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
	"postern/dav"
	"postern/dav/auth"
	"postern/dav/page"
	"postern/metrics"
	"postern/remote"
	"postern/remote/line"
	"postern/remote/pace"
	"postern/remote/verify"
	"postern/vfs"
	"postern/vfs/layout"
	"postern/vfs/namespace"
	"postern/vfs/object"
	"postern/vfs/people"
	"postern/vfs/pin"
	"postern/vfs/roots"
	"postern/vfs/space"
	"postern/vfs/space/base"
)

// OpenRemote opens a remote: driver → line → verify, measured at both ends. Passing failures are retried, and all
// answers verified.
func OpenRemote(ctx context.Context, o HoldOptions, pins verify.Pins) (remote.Store, error) {
	store, _, err := openRemote(ctx, o, pins)
	return store, err
}

// openRemote is OpenRemote, and also returns the line.
func openRemote(ctx context.Context, o HoldOptions, pins verify.Pins) (remote.Store, *line.Line, error) {
	lo := line.Options{Late: o.lasts && !o.First, Breaker: o.lasts}
	if o.Metrics != nil {
		lo.Tries = o.Metrics.Calls(metrics.Tries)
	}
	l, err := o.To.line(ctx, Opening{Founding: o.Founding, Pins: pins, Log: o.Log, limits: o.Limits, waits: o.waits,
		usage: o.usage}, lo)
	if err != nil {
		return nil, nil, err
	}
	store := verify.New(l, pins)
	if o.Metrics != nil {
		store = o.Metrics.Remote(store, metrics.Answers)
	}
	return store, l, nil
}

// drive is the whole stack, open.
type drive struct {
	space   *space.Space
	checked remote.Store // past the cache
	cache   *cache.Cache // over the checked remote
	kept    *pin.Store   // over the cache; nil for a temporary drive
	pins    *pin.Pinner  // of kept
	spans   *pinSpans    // for pins
	line    *line.Line
	usage   *home.Usage // of the remotes
	to      Target
	up      pace.Plan // limits of the bandwidth
	down    pace.Plan
	deaf    func()  // ends the calls of remoteIsBack
	mirror  *copies // nil: the remote is no mirror
	fs      *namespace.Drive
	people  *people.People
	limit   int64  // of staging, in bytes
	away    string // a folder that is removed with the drive; empty for a lasting one
}

type driveOptions struct {
	home     home.Home
	to       Target
	store    remote.Store // checked; closed with the drive
	line     *line.Line   // that store goes through
	usage    *home.Usage  // of the remotes
	account  home.Account
	settings home.Settings
	registry roots.Registry // of the account's further spaces; nil: as its private state has it
	metrics  *metrics.Metrics
	waits    remote.Deadlines
	now      func() time.Time // nil: time.Now
	log      *slog.Logger
	rand     io.Reader
	// beside opens further spaces that have changes in the home's journal; see space.Options. Nil: those of the private
	// state.
	beside func(ctx context.Context, store remote.Store, id crypto.PointerID) (space.Options, error)
}

// openDrive builds store → cache → pinned blobs → space → namespace.
func openDrive(ctx context.Context, o driveOptions) (_ *drive, err error) {
	d := &drive{mirror: o.to.mirror, limit: o.settings.Staging.Limit.Bytes(), line: o.line, usage: o.usage,
		to: o.to, up: o.settings.Remote.Upload.Plan(), down: o.settings.Remote.Download.Plan(), checked: o.store}
	dir := o.home.String()
	if o.to.Volatile() {
		if dir, err = os.MkdirTemp(dir, "volatile-"); err != nil {
			return nil, fmt.Errorf("can't make a folder in the home: %w", err)
		}
		d.away = dir
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	d.cache, err = cache.New(o.store, cacheOptions(o))
	if err != nil {
		return nil, fmt.Errorf("can't open the cache: %w", err)
	}
	store, changed, moved := remote.Store(d.cache), func() {}, func(string, string) {}
	if !o.to.Volatile() {
		if err := d.openPins(ctx, o); err != nil {
			return nil, err
		}
		d.spans = newPinSpans(d)
		changed = func() { d.pins.Changed(); d.spans.wake() }
		moved = func(from, to string) { d.pins.Moved(from, to); d.spans.wake() }
		store = d.kept
	}
	ready := make(chan struct{}) // closed once d.people is there
	edited := &conflicts{}
	d.space, err = space.Open(ctx, space.Options{
		Store: store, Registry: registryOf(o), Place: d.placeOf, Committed: changed, Own: o.to.owned(o.home),
		Keys: base.Own(o.account.Secret), Dir: dir,
		Device: DeviceOf(o.account, o.settings), StagingLimit: d.limit,
		Patience: time.Duration(o.settings.Staging.Patience), Keep: keepOf(o.settings.History),
		Grace:       o.settings.GC.Grace.Duration(),
		SyncThrough: o.settings.Sync == home.SyncThrough, Deadlines: o.waits,
		Beside: d.besideOf(o, store, ready), Noted: d.noted(ready), Carry: edited.add, Now: o.now, Log: o.log, Rand: o.rand,
	})
	if errors.Is(err, base.ErrNoSpace) {
		err = say.Advisef("there is no drive of this account at the remote: see that it is the remote the account was made " +
			"at, and that nothing was lost there; nothing was changed")
	}
	if err != nil {
		return nil, err
	}
	d.fs = namespace.New(namespace.Options{Patience: o.waits.Mount, Made: madeAt, Clock: o.now, Mounted: changed,
		Moved: func(from, to string) { moved(from, to); d.people.Moved(from, to) },
		Open: func(ctx context.Context, outer vfs.FS, m namespace.Mounted) (vfs.FS, error) {
			return d.people.Open(ctx, outer, m)
		}}, tops(d.space))
	if err := d.openPeople(o, store); err != nil {
		return nil, err
	}
	close(ready)
	edited.pass(d.people)
	if d.pins != nil {
		d.spans.start()
	}
	d.deaf = d.line.OnChange(func(s line.State) {
		if !s.Away {
			d.remoteIsBack()
		}
	})
	o.metrics.Drive(d.figures)
	o.metrics.People(d.social)
	o.metrics.Cache(d.cache.Stats)
	o.metrics.Line(d.lineFigures)
	return d, nil
}

// placeOf returns the folder where a space is mounted; "": none.
func (d *drive) placeOf(id crypto.PointerID) string {
	for _, span := range d.fs.Spans("/") {
		if spaceID(span.FS) == id {
			return span.Path
		}
	}
	if d.people == nil {
		return ""
	}
	return d.people.Place(id)
}

// tops returns the folders at the top of the drive. Those without contents yet are empty.
func tops(own *space.Space) map[string]vfs.FS {
	all := map[string]vfs.FS{}
	for _, f := range layout.Folders() {
		all[f.Path] = namespace.Folder(madeAt)
	}
	all[layout.Files], all[layout.History] = own, own.History()
	return all
}

// madeAt is the time that the drive's root shows. It is always the same, so that clients may cache it.
var madeAt = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// DeviceOf returns the device name in this machine's commits: the one in the settings, else the one in the account
// file.
func DeviceOf(a home.Account, s home.Settings) space.Device {
	name := s.Device.Name
	if name == "" {
		name = a.DeviceName
	}
	return space.Device{ID: object.DeviceID(a.Device), Name: name}
}

// keepOf converts the history settings for the space, for which all zeros mean its own default.
func keepOf(h home.HistorySettings) space.Keep {
	keep := space.Keep{All: h.All.Duration(), Hourly: h.Hourly.Duration(), Daily: h.Daily.Duration()}
	if keep == (space.Keep{}) {
		keep.All = time.Nanosecond // one a month, and the newest
	}
	return keep
}

// BeginDrive writes the first state of an account's drive, unless it is there. name is the one that the account has
// claimed at the remote; empty: none.
func BeginDrive(ctx context.Context, s *Session, a home.Account, name string, rand io.Reader) error {
	found, err := HasDrive(ctx, s.Store, a.Secret)
	if err != nil || found {
		return err
	}
	var begin space.Beginning
	if name != "" {
		begin.Private = people.Named(name)
	}
	return space.CreateFrom(ctx, s.Store, base.Own(a.Secret), DeviceOf(a, home.Settings{}), rand, time.Now(), begin)
}

// cacheOptions converts the sizes in the settings for the cache, for which zero means its own default.
func cacheOptions(o driveOptions) cache.Options {
	c := cache.Options{Memory: o.settings.Cache.Memory.Bytes(), Disk: o.settings.Cache.Disk.Bytes(), Local: o.to.local,
		Log: o.log}
	if c.Memory == 0 {
		c.Memory = -1
	}
	if c.Disk > 0 {
		c.Dir = o.home.Cache()
	}
	return c
}

// close closes all that openDrive has opened, also after a failure half-way.
func (d *drive) close() error {
	var errs []error
	if d.deaf != nil {
		d.deaf()
	}
	if d.pins != nil {
		if d.spans != nil {
			d.spans.stop()
		}
		d.pins.Close()
	}
	if d.people != nil {
		errs = append(errs, d.people.Close())
	}
	if d.space != nil {
		errs = append(errs, d.space.Close())
	}
	switch {
	case d.kept != nil:
		errs = append(errs, d.kept.Close())
	case d.cache != nil:
		errs = append(errs, d.cache.Close())
	}
	if d.away != "" {
		errs = append(errs, os.RemoveAll(d.away))
	}
	return errors.Join(errs...)
}

// ready returns why the drive can't take changes, nil when it can. It can while offline: the journal takes them.
func (d *drive) ready() error {
	status := d.space.Status()
	if status.Broken != "" {
		return say.Advisef("no changes are taken: %s; check the disk, then restart postern", status.Broken)
	}
	if status.Blocked != "" {
		return say.Advisef("no changes are taken: %s", status.Blocked)
	}
	if status.StagingLimit > 0 && status.StagedBytes >= status.StagingLimit {
		return say.Advisef("staging is full: %s wait for the remote", home.Size(status.StagedBytes))
	}
	return nil
}

// shown returns the status for pages in browsers: the same as postern status, in the same order of precedence.
func (d *drive) shown() dav.Status {
	s := d.status()
	status := dav.Status{Pending: int(s.Pending.Changes), PendingBytes: s.Pending.Bytes + s.Pending.Staged,
		Full: s.Commit.Full}
	switch {
	case s.Commit.Broken != "":
		status.Blocked = "No changes are taken, since the drive's journal on this machine could not be written: check the " +
			"disk, then restart postern."
	case s.Commit.Blocked != "":
		status.Blocked = "No changes are taken, since the storage does not show what it showed before; postern inspect " +
			"fork says more."
	case !s.Commit.Offline.IsZero():
		status.Offline, status.Reason = s.Commit.Offline, s.Commit.Reason
	case s.Commit.LastError != "":
		status.Failing = s.Commit.LastError
	}
	for _, c := range s.Copies {
		if !c.Up || c.Trouble != "" || c.Missing > 0 {
			status.Notes = append(status.Notes, "The copy "+c.Remote+" "+c.State()+".")
		}
	}
	if len(s.Waiting) > 0 {
		status.Notes = append(status.Notes,
			"Changes wait for a shared folder that can't be opened; postern status says more.")
	}
	for _, f := range s.Failing {
		sentence := f.Sentence()
		status.Notes = append(status.Notes, strings.ToUpper(sentence[:1])+sentence[1:]+".")
	}
	if s.Commit.Lost > 0 {
		status.Notes = append(status.Notes,
			"Parts of files that were copied or moved here are lost; postern fsck names the files.")
	}
	if !s.Commit.Copied.IsZero() {
		status.Notes = append(status.Notes,
			"This drive's home was put back from a copy, or is in use in another place too; postern status says more.")
	}
	return status
}

// figures returns the drive's figures for Prometheus.
func (d *drive) figures() metrics.DriveState {
	s, pending := d.space.Status(), d.space.Home().Pending()
	state := metrics.DriveState{
		JournalRecords: int64(pending.Changes), JournalBytes: pending.Bytes,
		StagingBytes: s.StagedBytes, StagingLimit: s.StagingLimit, Commits: s.Commits, CommitFailures: s.Failures,
	}
	if !pending.Since.IsZero() {
		state.OldestSeconds = time.Since(pending.Since).Seconds()
	}
	return state
}

// social returns the figures of friends and shared folders for Prometheus.
func (d *drive) social() metrics.PeopleState {
	s := d.people.Status()
	return metrics.PeopleState{
		Friends: s.Friends, Asking: s.Asking, Unreachable: len(s.Unreachable), Shares: s.Shares, Links: s.Links,
		Letters: s.Letters, Refused: s.Refused, Rounds: s.Rounds, Failures: s.Failures,
	}
}

// status returns the drive's status for commands.
func (d *drive) status() control.Status {
	s, figures, c, away := d.space.Status(), d.figures(), d.cache.Stats(), d.line.State()
	var social *people.Status
	if d.people != nil {
		now := d.people.Status()
		social = &now
	}
	return control.Status{
		People: social,
		Pending: control.Pending{Changes: figures.JournalRecords, Bytes: figures.JournalBytes, Oldest: figures.OldestSeconds,
			Staged: s.StagedBytes, Limit: s.StagingLimit},
		Commit: control.Commit{Landed: s.Commits, Failed: s.Failures, Last: s.LastCommit, LastError: s.CommitFailed,
			Offline: earlier(away.Since, s.OfflineSince),
			Reason:  away.Reason(), Full: s.Full, Blocked: s.Blocked, Broken: s.Broken, Copied: s.Copied, Lost: s.Lost},
		Cache: control.Cache{Hits: c.Memory.Hits + c.Disk.Hits, Fetches: c.Fetches, Fetched: int64(c.FetchedBytes),
			Memory: c.Memory.Bytes, Disk: c.Disk.Bytes},
		Line: d.lineStatus(), Copies: d.mirror.status(d.usage), Waiting: d.waiting(), Failing: d.failing(),
	}
}

// waiting returns why spaces that have changes here can't be opened.
func (d *drive) waiting() (whys []string) {
	for _, u := range d.space.Home().Waiting() {
		if u.Err != nil {
			whys = append(whys, fmt.Sprint(u.Err))
		}
	}
	return whys
}

// failing returns the mounted spaces, other than the own one, whose changes can't be committed. It omits those at the
// own space's remote while that fails for the own space, too.
func (d *drive) failing() (all []control.Failing) {
	if d.fs == nil {
		return nil
	}
	own := d.space.Status().CommitFailed != ""
	look := func(path string, s *space.Space) {
		if of := s.Status(); of.Blocked != "" {
			all = append(all, control.Failing{Path: path, Why: of.Blocked, Blocked: true})
		} else if of.CommitFailed != "" && !(own && s.Store() == d.space.Store()) {
			all = append(all, control.Failing{Path: path, Why: of.CommitFailed})
		}
	}
	for _, span := range d.fs.Spans("/") {
		if s, ok := span.FS.(*space.Space); ok && s != d.space {
			look(span.Path, s)
		}
	}
	if d.people != nil {
		for _, s := range d.people.Opened() {
			look(cmp.Or(s.Path, layout.Shared), s.Space)
		}
	}
	return all
}

// earlier returns the earlier of two times; zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// handlerOptions are the parts of newHandler.
type handlerOptions struct {
	fs             vfs.FS
	locks          home.Locks
	uploads        *home.Uploads
	user, password string
	hosts          []string
	metrics        *metrics.Metrics
	patience       time.Duration
	now            func() time.Time // nil: time.Now
	ready          func() error
	status         func() dav.Status  // for the page that browsers get
	sharing        func() dav.Sharing // nil: nobody can share
	people         page.People        // for the pages; nil: nobody can share
	log            *slog.Logger
	rand           io.Reader
}

// newHandler builds dav → auth → metrics → probes. It returns the handler for the port, the WebDAV handler
// within, and the door between them, which takes a new password.
func newHandler(o handlerOptions) (http.Handler, *dav.Handler, *door, error) {
	handler, err := dav.New(o.fs, dav.Options{Log: o.log, Locks: o.locks, Uploads: o.uploads, Rand: o.rand,
		Status: o.status, Sharing: o.sharing, People: o.people, Patience: o.patience, Clock: o.now})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("can't read the drive's locks: %w", err)
	}
	in := &door{inside: handler, options: auth.Options{User: o.user, Hosts: o.hosts, Rand: o.rand, Log: o.log}}
	if err := in.lock(o.password); err != nil {
		return nil, nil, nil, err
	}
	return probes(o.metrics.Handler(), o.ready, o.metrics.HTTP(in)), handler, in, nil
}
