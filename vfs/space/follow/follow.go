// Package follow reads spaces that this gateway can't write to: a friend's share, another member's log. A follower has
// no journal and no committer. It loads nothing before the first read, and takes only a few KiB while unused. It saves
// the newest state that it has shown, so that what is cached or pinned stays readable after a start without the remote.
package follow

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/authors"
	"postern/vfs/object"
	"postern/vfs/space/base"
	"postern/vfs/space/local"
	"postern/vfs/space/view"
	"postern/vfs/tree"
)

// Follower shows the newest state of a space, read-only. Its methods may be called by several goroutines at once.
type Follower struct {
	view.ReadOnly
	store  remote.Store
	listed remote.Pointers // those of store, without showing which one is loaded
	space  crypto.Capability
	nodes  *tree.Nodes
	opener *view.Opener
	file   base.File // the newest state that was loaded, for a start without the remote
	log    *slog.Logger
	now    func() time.Time
	notice func()        // called when a newer state is known
	work   time.Duration // limits one attempt to load a state

	life    context.Context
	end     context.CancelFunc
	unpoll  func()
	loading sync.WaitGroup

	mu      sync.Mutex
	state   *base.State     // shown to readers; nil: nothing is loaded yet
	saved   bool            // state comes from the file, since the remote has not been reached yet
	newer   *crypto.Pointer // newer than state, as the remote has shown; nil: none
	attempt *attempt        // in progress; nil: none
	failed  error           // of the newest attempt
}

// attempt loads a state for all callers that wait for it.
type attempt struct {
	done chan struct{}
	err  error
}

// New returns a follower of a space at a store. It makes no request.
func New(home *local.Home, store remote.Store, space crypto.Capability) *Follower {
	f := &Follower{
		store: store, listed: home.Poller.Of(store), space: space.ReadOnly(), log: home.Log, now: home.Now,
		work:   home.Deadlines.Work,
		nodes:  tree.NewNodes(store, tree.Options{Pages: home.Pages}),
		opener: &view.Opener{Source: store, Indexes: home.Indexes, Ahead: home.Ahead, Pace: store.Roles().Pace},
		notice: home.Committed,
		file: base.File{Path: filepath.Join(home.Dir, "follow-"+space.ID.String()), FS: home.FS, Frames: home.Frames,
			Rand: home.Rand},
	}
	f.life, f.end = context.WithCancel(context.Background())
	f.unpoll = home.Poller.Listed(store, space.ID, f.moved)
	return f
}

// Close cancels a load in progress. Open files stay readable.
func (f *Follower) Close() {
	f.unpoll()
	f.mu.Lock()
	f.end() // no load begins any more
	f.mu.Unlock()
	f.loading.Wait()
}

// Trouble returns why the newest attempt to read the space failed; nil if it did not, or if there was none.
func (f *Follower) Trouble() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

// moved notes that the pointer may have moved. The next read loads the state.
func (f *Follower) moved(p crypto.Pointer) {
	f.mu.Lock()
	newer := (f.state == nil || p.Seq > f.state.Pointer.Seq) && (f.newer == nil || p.Seq > f.newer.Seq)
	if newer {
		f.newer = &p
	}
	f.mu.Unlock()
	if newer {
		f.notice()
	}
}

// current returns the state to show. If a newer state is unreachable, it returns the known one. It is an error if a
// newer state does not follow from the known one, or if a first state can't be loaded.
func (f *Follower) current(ctx context.Context) (view.View, error) {
	f.mu.Lock()
	if f.settled() {
		defer f.mu.Unlock()
		return f.view(), nil
	}
	a := f.begin()
	f.mu.Unlock()
	return f.wait(ctx, a)
}

// settled reports whether the state is the newest that the remote has shown. The caller holds mu.
func (f *Follower) settled() bool { return f.state != nil && f.newer == nil && !f.saved }

// begin starts loading the newest state, unless a load is in progress or the follower is closed. The caller holds mu.
func (f *Follower) begin() *attempt {
	if f.attempt != nil {
		return f.attempt
	}
	a := &attempt{done: make(chan struct{})}
	if err := f.life.Err(); err != nil {
		a.err = &vfs.Error{Op: "open", Path: "/", Kind: vfs.ErrUnavailable, Err: err}
		close(a.done)
		return a
	}
	f.attempt = a
	f.loading.Go(func() { f.load(a) })
	return a
}

// wait waits for an attempt and returns the state to show.
func (f *Follower) wait(ctx context.Context, a *attempt) (view.View, error) {
	failed := func(err error) (view.View, error) {
		return view.View{}, &vfs.Error{Op: "open", Path: "/", Kind: vfs.ErrUnavailable, Err: err}
	}
	select {
	case <-a.done:
	case <-ctx.Done():
		return view.View{}, ctx.Err()
	case <-remote.Patience(ctx):
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.saved { // the remote does not answer, as it did not at the start
			return f.view(), nil
		}
		return failed(vfs.ErrSlow)
	case <-f.life.Done():
		return failed(context.Canceled)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	_, breach := errors.AsType[*authors.BreachError](a.err)
	if a.err == nil || f.state != nil && (breach || errors.Is(a.err, vfs.ErrUnavailable)) {
		return f.view(), nil
	}
	return view.View{}, a.err
}

// view returns the current state. The caller holds mu.
func (f *Follower) view() view.View { return view.View{Tree: f.state.Files, Opener: f.opener} }

// load loads the newest state, from the pointer that the remote has already shown, or else from the one that it shows
// now.
func (f *Follower) load(a *attempt) {
	ctx, cancel := context.WithTimeout(f.life, f.work)
	defer cancel()
	f.mu.Lock()
	was, newer := f.state, f.newer
	f.mu.Unlock()
	if was == nil {
		was = f.restore()
	}
	next, err := f.open(ctx, was, newer)
	_, breach := errors.AsType[*authors.BreachError](err)
	good := err == nil || breach && next.Ref != (object.Ref{}) // with the last good state
	if good && (was == nil || next.Ref != was.Ref) {
		if err := f.file.Save(next); err != nil {
			f.log.Warn("a shared folder can't be read after a start without its remote", "error", err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if good && (f.state == nil || next.Pointer.Seq >= f.state.Pointer.Seq) {
		f.state, f.saved = &next, false
	}
	if f.saved && err != nil && !errors.Is(err, remote.ErrUnavailable) { // the remote answers, so it has lost the state
		f.state, f.saved = nil, false
	}
	// What was shown while the state was loaded may be older than that.
	passed := f.newer != nil && f.state != nil && f.newer.Seq <= f.state.Pointer.Seq
	if passed || f.newer == newer && (err == nil || !errors.Is(err, vfs.ErrUnavailable)) {
		f.newer = nil
	}
	f.attempt, f.failed, a.err = nil, err, err
	close(a.done)
}

// restore returns the state of the file and makes it the known one; nil: there is none.
func (f *Follower) restore() *base.State {
	s, err := f.file.Load(f.nodes)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		f.log.Warn("the saved state of a shared folder can't be read", "error", err)
		return nil
	case s.Pointer.ID != f.space.ID:
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state, f.saved = &s, true
	return &s
}

func (f *Follower) open(ctx context.Context, was *base.State, newer *crypto.Pointer) (next base.State, err error) {
	var known base.State
	if was != nil {
		known = *was
	}
	if newer != nil {
		next, err = base.Take(ctx, f.nodes, f.space, known, *newer)
	} else {
		next, err = base.LoadOn(ctx, f.listed, f.nodes, f.space, known)
	}
	if err == nil && was != nil {
		next, err = base.Continues(ctx, f.nodes, f.space, known, next)
	}
	next.Shown = f.now()
	switch {
	case errors.Is(err, base.ErrNoSpace), errors.Is(err, remote.ErrNotFound):
		// The owner has collected the state, or has not finished the upload. It is unavailable, not corrupt.
		return next, &vfs.Error{Op: "open", Path: "/", Kind: vfs.ErrUnavailable, Err: err}
	case err != nil:
		f.log.Warn("the newest state of a space that others write can't be shown", "space", f.space.ID.String(), "error", err)
		return next, view.Failed("open", "/", err)
	}
	return next, nil
}

// again reloads the state after part of it was not found, because the owner has collected what no newer state needs. It
// reports whether there is a newer state to read.
func (f *Follower) again(ctx context.Context, err error) (view.View, bool) {
	if !errors.Is(err, remote.ErrNotFound) {
		return view.View{}, false
	}
	f.mu.Lock()
	if f.state == nil {
		f.mu.Unlock()
		return view.View{}, false
	}
	before := f.state.Ref
	a := f.begin()
	f.mu.Unlock()
	v, err := f.wait(ctx, a)
	f.mu.Lock()
	defer f.mu.Unlock()
	return v, err == nil && f.state.Ref != before
}

// errGone says that the owner has collected what an older state needs, and that no newer state is known.
var errGone = errors.New("part of it is not there any more")

// gone turns a missing part into a temporary error, since the owner may have removed it and the remote is not at fault.
func gone(op, path string, err error) error {
	if errors.Is(err, remote.ErrNotFound) {
		return &vfs.Error{Op: op, Path: path, Kind: vfs.ErrUnavailable, Err: errGone}
	}
	return err
}

// file is an open file. The owner may remove its later parts.
type file struct {
	vfs.File
	path string
}

// Read implements vfs.File.
func (f file) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	return n, gone("read", f.path, err)
}

// WriteNTo implements vfs.File.
func (f file) WriteNTo(w io.Writer, n int64) (int64, error) {
	written, err := f.File.WriteNTo(w, n)
	return written, gone("read", f.path, err)
}

// Info implements vfs.File.
func (f file) Info() vfs.Info { return view.Frozen(f.File.Info()) }

// Stat implements vfs.Stater.
func (f *Follower) Stat(ctx context.Context, path string) (vfs.Info, error) {
	v, err := f.current(ctx)
	if err != nil {
		return vfs.Info{}, err
	}
	info, err := v.Stat(ctx, path)
	if next, ok := f.again(ctx, err); ok {
		info, err = next.Stat(ctx, path)
	}
	return view.Frozen(info), gone("stat", path, err)
}

// List implements vfs.Reader.
func (f *Follower) List(ctx context.Context, path string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		v, err := f.current(ctx)
		if err != nil {
			yield(vfs.Info{}, err)
			return
		}
		for begun := false; ; {
			var failed error
			for info, err := range v.List(ctx, path) {
				if err != nil {
					failed = err
					break
				}
				begun = true
				if !yield(view.Frozen(info), nil) {
					return
				}
			}
			if failed == nil {
				return
			}
			next, ok := f.again(ctx, failed)
			if begun || !ok {
				yield(vfs.Info{}, gone("list", path, failed))
				return
			}
			v = next
		}
	}
}

// Open implements vfs.Reader.
func (f *Follower) Open(ctx context.Context, path string) (vfs.File, error) {
	v, err := f.current(ctx)
	if err != nil {
		return nil, err
	}
	opened, err := v.Open(ctx, path)
	if next, ok := f.again(ctx, err); ok {
		opened, err = next.Open(ctx, path)
	}
	if err != nil {
		return nil, gone("open", path, err)
	}
	return file{opened, path}, nil
}

// Usage implements vfs.FS: it returns the size of the space, and no free room.
func (f *Follower) Usage(ctx context.Context, _ string, _ int64) (vfs.Usage, error) {
	v, err := f.current(ctx)
	if err != nil {
		return vfs.Usage{}, err
	}
	return vfs.Usage{Used: v.Tree.Root().Info().Size, Available: 0}, nil
}

// Crossing implements namespace.Crosser.
func (f *Follower) Crossing(ctx context.Context, path string) (tree.Mounted, bool, error) {
	v, err := f.current(ctx)
	if err != nil {
		return tree.Mounted{}, false, err
	}
	h := view.Holder{Space: f.space}
	m, ok, err := h.Crossing(ctx, v.Tree, path)
	if next, again := f.again(ctx, err); again {
		m, ok, err = h.Crossing(ctx, next.Tree, path)
	}
	return m, ok, gone("look up", path, err)
}

// Mounts returns the mounts at and below a path, at most limit of them.
func (f *Follower) Mounts(ctx context.Context, path string, limit int) ([]tree.Mounted, error) {
	v, err := f.current(ctx)
	if err != nil {
		return nil, err
	}
	found, err := view.Holder{Space: f.space}.Mounts(ctx, v.Tree, path, limit)
	return found, gone("look up", path, err)
}

// At returns a read-only view of the space as it was at a time: its newest kept state not after the time or, if none is
// so old, its oldest.
func (f *Follower) At(t time.Time) vfs.FS {
	return &view.Past{Space: f.space, At: t, Opener: f.opener, History: f.history}
}

// Changes returns the newest changes of a path, the newest first; see authors.Changes.
func (f *Follower) Changes(ctx context.Context, path string, most int) ([]authors.Change, error) {
	t, err := f.history(ctx)
	if err != nil {
		return nil, err
	}
	return authors.Changes(ctx, t, path, most)
}

// history returns the folder of the kept states.
func (f *Follower) history(ctx context.Context) (tree.Tree, error) {
	if _, err := f.current(ctx); err != nil {
		return tree.Tree{}, err
	}
	f.mu.Lock()
	state := f.state
	f.mu.Unlock()
	if state == nil { // lost again just now
		return tree.Tree{}, &vfs.Error{Op: "list", Path: "/", Kind: vfs.ErrUnavailable, Err: errGone}
	}
	return state.Whole.Sub(ctx, base.HistoryPath)
}

// ID returns the id of the space.
func (f *Follower) ID() crypto.PointerID { return f.space.ID }

// Store returns the remote that the space is read from.
func (f *Follower) Store() remote.Store { return f.store }

// Committed returns the files of the newest state that the remote has shown, unlike readers, which get the known state
// while a newer one is unreachable. whole is always true, since nothing is changed here.
func (f *Follower) Committed(ctx context.Context) (files tree.Tree, whole bool, err error) {
	f.mu.Lock()
	if f.settled() {
		defer f.mu.Unlock()
		return f.state.Files, true, nil
	}
	a := f.begin()
	f.mu.Unlock()
	v, err := f.wait(ctx, a)
	if err == nil {
		err = a.err
	}
	return v.Tree, true, err
}
