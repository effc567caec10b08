// Package late computes the MD5s of large files that were stored without one (vfs.LateMD5), from their sealed bytes. It
// records each as another Put of the same version, so the journal and the tree need no special case, and every build
// can replay it. The committer waits for it, so only a file whose bytes can't be read is committed without an MD5.
package late

import (
	"context"
	"crypto/md5" // required by rclone and S3, not for security
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"postern/remote"
	"postern/vfs"
	"postern/vfs/content"
	"postern/vfs/object"
	"postern/vfs/space/view"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

const (
	// maxMissing limits the total size in bytes of files without an MD5. Beyond it, uploads compute their own MD5, since a
	// late one costs half as much again.
	maxMissing = 4 << 30
	// yieldFor is how long a file's MD5 waits while clients send or read files, unless a caller waits for it. It counts
	// from the storing, so that many files together delay a commit no longer than one.
	yieldFor = 10 * time.Second
)

// Options of MD5s. All are needed.
type Options struct {
	Copy   *working.Copy
	Opener *view.Opener
	Kick   func() // called when there is a change for the committer
	Log    *slog.Logger
}

// MD5s computes missing MD5s, one after the other. Its methods may be called by several goroutines at once.
type MD5s struct {
	o      Options
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	transfers atomic.Int64 // client transfers in progress
	yields    atomic.Bool  // an MD5 is waiting for transfers to end

	mu       sync.Mutex
	yieldFor time.Duration
	files    []*file // oldest first; a goroutine runs while there are any
	bytes    int64
	commits  int           // commits that wait for all of them
	urgent   int           // callers that wait for some of them, so computing must not pause
	changed  chan struct{} // closed and replaced whenever any of this changes
}

// file is a file without an MD5.
type file struct {
	path    string // follows moves
	version vfs.Version
	size    int64
	due     context.Context // done once it waits for clients no longer
	dueNow  context.CancelFunc
}

// New returns the MD5s of a working copy; none is missing at first.
func New(o Options) *MD5s {
	l := &MD5s{o: o, yieldFor: yieldFor, changed: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// SetYield sets how long an MD5 waits while clients send or read files, for tests. Call it before any is missing.
func (l *MD5s) SetYield(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.yieldFor = d
}

// Stop ends the computation. Missing MD5s are computed after the next start.
func (l *MD5s) Stop() {
	l.mu.Lock()
	l.cancel() // nothing is added after this
	l.mu.Unlock()
	l.wg.Wait()
}

// wake wakes all waiting callers. The caller holds mu.
func (l *MD5s) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// Allowed reports whether another upload may leave its MD5 for later.
func (l *MD5s) Allowed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.commits == 0 && l.urgent == 0 && l.bytes < maxMissing
}

// Follow updates the list of files without MD5 after a change was recorded. It is called while no other change is
// recorded, and before the resulting state is visible.
func (l *MD5s) Follow(op tree.Op) {
	switch op := op.(type) {
	case tree.Put:
		if info := op.Entry.Info(); info.LacksMD5() {
			l.add(op.Path, info)
		}
	case tree.Move:
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, f := range l.files {
			if to, ok := tree.Rebase(f.path, op.From, op.To); ok {
				f.path = to
			}
		}
	case tree.Copy:
		l.mu.Lock()
		files := slices.Clone(l.files)
		l.mu.Unlock()
		for _, f := range files {
			if to, ok := tree.Rebase(f.path, op.From, op.To); ok {
				l.add(to, vfs.Info{Version: f.version, Size: f.size})
			}
		}
	}
}

// add adds a file, unless it is already in the list.
func (l *MD5s) add(path string, info vfs.Info) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil || slices.ContainsFunc(l.files, func(f *file) bool {
		return f.version == info.Version && f.path == path
	}) {
		return
	}
	f := &file{path: path, version: info.Version, size: info.Size}
	f.due, f.dueNow = context.WithTimeout(l.ctx, l.yieldFor)
	l.files = append(l.files, f)
	l.bytes += info.Size
	if len(l.files) == 1 {
		l.wg.Go(l.run)
	}
}

// missing reports whether a version still lacks its MD5. The caller holds mu.
func (l *MD5s) missing(v vfs.Version) bool {
	return slices.ContainsFunc(l.files, func(f *file) bool { return f.version == v })
}

// Within reports whether a file without an MD5 lies at or below a path.
func (l *MD5s) Within(path string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.files, func(f *file) bool {
		_, within := tree.Rebase(f.path, path, path)
		return within
	})
}

// run computes until nothing is missing.
func (l *MD5s) run() {
	for {
		l.mu.Lock()
		f := l.files[0]
		l.mu.Unlock()
		err := l.compute(f)
		f.dueNow()
		if l.ctx.Err() != nil {
			return
		}
		if err != nil {
			l.o.Log.Warn("the MD5 of a file could not be computed; this is tried again when a client asks for it",
				"error", err)
		}
		l.mu.Lock()
		l.files = l.files[1:]
		l.bytes -= f.size
		l.wake()
		left := len(l.files)
		l.mu.Unlock()
		if left == 0 {
			return
		}
	}
}

// compute computes and records the MD5 of a file. It does nothing if the file was replaced or removed in the meantime.
func (l *MD5s) compute(f *file) error {
	var sum [md5.Size]byte
	for summed := false; ; {
		path, t := l.find(f)
		e, err := t.Lookup(l.ctx, path)
		if errors.Is(err, vfs.ErrNotExist) || errors.Is(err, vfs.ErrNotFolder) {
			return nil
		}
		if err != nil {
			return err
		}
		is := e.Info()
		if is.Version != f.version || !is.LacksMD5() {
			return nil
		}
		if !summed {
			o, _ := e.Object()
			if sum, err = l.sum(l.ctx, o, func() { l.yield(f.due) }); err != nil {
				return view.Failed("compute the MD5 of", path, err)
			}
			summed = true
			continue // it may have been moved in the meantime
		}
		if err := l.record(path, e, sum); !errors.Is(err, working.ErrChanged) {
			return err
		}
	}
}

// find returns the path of a file in the newest state.
func (l *MD5s) find(f *file) (path string, t tree.Tree) {
	l.o.Copy.Newest(func(newest tree.Tree) {
		l.mu.Lock()
		defer l.mu.Unlock()
		path, t = f.path, newest
	})
	return path, t
}

// Sum computes the MD5 of a large file at once, for changes that are made again.
func (l *MD5s) Sum(ctx context.Context, e object.Entry) ([md5.Size]byte, error) {
	return l.sum(ctx, e, func() {})
}

// sum returns the MD5 of a file. It reads sequentially and leaves the other processors and the disk to clients.
func (l *MD5s) sum(ctx context.Context, e object.Entry, pause func()) (sum [md5.Size]byte, err error) {
	r, err := content.NewReader(ctx, l.o.Opener.Source, e.Content, e.Size,
		content.ReaderOptions{Nodes: l.o.Opener.Indexes, Ahead: -1})
	if err != nil {
		return sum, err
	}
	defer func() { _ = r.Close() }() // only read from
	h := md5.New()
	for n := int64(1); n > 0; {
		pause()
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		if n, err = r.WriteNTo(h, yieldEach); err != nil {
			return sum, err
		}
	}
	h.Sum(sum[:0])
	return sum, nil
}

// yieldEach is how many bytes are read between two checks for client transfers: a few milliseconds' worth.
const yieldEach = 1 << 20

// yield waits while clients send or read files, until the MD5 is due or a caller waits for one.
func (l *MD5s) yield(due context.Context) {
	defer l.yields.Store(false)
	for due.Err() == nil {
		l.yields.Store(true) // set first, so that no end of a transfer is missed
		l.mu.Lock()
		changed, urgent := l.changed, l.urgent > 0
		l.mu.Unlock()
		if l.transfers.Load() == 0 || urgent {
			return
		}
		select {
		case <-changed:
		case <-due.Done():
		}
	}
}

// Transfer notes that a client sends or reads a file, until End is called.
func (l *MD5s) Transfer() { l.transfers.Add(1) }

// End ends the transfer noted by Transfer.
func (l *MD5s) End() {
	if l.transfers.Add(-1) == 0 && l.yields.Load() {
		l.mu.Lock()
		l.wake()
		l.mu.Unlock()
	}
}

// record records the MD5 of the file at path if e still describes it. Otherwise the error is working.ErrChanged.
func (l *MD5s) record(path string, e tree.Entry, sum [md5.Size]byte) error {
	o, _ := e.Object()
	o.MD5, o.Properties = sum, nil // Put keeps those of the file that it replaces
	was := e.Info()
	same := func(ctx context.Context, at vfs.Stater) error {
		now, err := at.Stat(ctx, path)
		if err != nil || now.Version != was.Version || !now.Modified.Equal(was.Modified) || !now.LacksMD5() {
			return working.ErrChanged
		}
		return nil
	}
	_, seq, err := l.o.Copy.Record(l.ctx, working.Change{Op: tree.Put{Path: path, Entry: o}, Cond: same, Inner: true})
	if err != nil {
		return err
	}
	defer l.o.Kick()
	return l.o.Copy.Durable(seq)
}

// Hurry makes the MD5s be computed without pauses until end is called.
func (l *MD5s) Hurry() (end func()) {
	add := func(n int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.urgent += n
		if len(l.files) > 0 {
			l.wake()
		}
	}
	add(1)
	return func() { add(-1) }
}

// await waits until done returns true; done is called with mu held. Errors: vfs.ErrUnavailable, the context's.
func (l *MD5s) await(ctx context.Context, done func() bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !done() {
		changed := l.changed
		l.mu.Unlock()
		var err error
		select {
		case <-changed:
		case <-l.ctx.Done():
			err = working.ErrClosed
		case <-remote.Patience(ctx):
			err = &vfs.Error{Op: "compute the MD5 of", Path: "/", Kind: vfs.ErrUnavailable, Err: remote.ErrSlow}
		case <-ctx.Done():
			err = ctx.Err()
		}
		l.mu.Lock()
		if err != nil {
			return err
		}
	}
	return nil
}

// All waits until every file has its MD5. Computing does not pause for clients meanwhile.
func (l *MD5s) All(ctx context.Context) error {
	defer l.Hurry()()
	return l.await(ctx, l.none)
}

// none reports whether no MD5 is missing. The caller holds mu.
func (l *MD5s) none() bool { return len(l.files) == 0 }

// Summed returns the newest durable state once every file in it has its MD5.
func (l *MD5s) Summed(ctx context.Context) (*working.Head, error) {
	l.mu.Lock()
	l.commits++ // so that no more are added
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.commits--
		l.mu.Unlock()
	}()
	for {
		if err := l.await(ctx, l.none); err != nil {
			return nil, err
		}
		h := l.o.Copy.Shown()
		l.mu.Lock()
		none := l.none()
		l.mu.Unlock()
		if none { // none was added before h was shown, or it would still be missing
			return h, nil
		}
	}
}

// Info returns the info of a file of the newest durable state, with its MD5 if that can be computed.
func (l *MD5s) Info(ctx context.Context, path string, info vfs.Info) (vfs.Info, error) {
	if !info.LacksMD5() {
		return info, nil
	}
	defer l.Hurry()()
	l.add(path, info) // unless it is already in the list
	if err := l.await(ctx, func() bool { return !l.missing(info.Version) }); err != nil {
		return info, err
	}
	now, err := view.View{Tree: l.o.Copy.Shown().Tree}.Stat(ctx, path)
	if err == nil && now.Version == info.Version {
		info.MD5 = now.MD5
	}
	return info, nil
}
