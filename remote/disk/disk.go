// Package disk is a remote in a folder of a local or mounted disk: the default of a first run, a USB stick, a network
// share. Several processes may use one folder at the same time.
//
// What it keeps:
//
//	postern-store        says that this is a store, and of which format
//	id                   the store's random id, made at its founding, or by the first newer build that opens it
//	blobs/ab/<name>      a blob, under the first two digits of its name
//	pointers/ab/<id>     a marshalled pointer
//	changes              which listed pointers moved, in this order; see changelog.go
//	inboxes/ab/<id>/     the letters of an inbox, each under its name
//	names/ab/<id>        the record of a name
//	locks/ab             locked (flock) while something of that shard is read or changed, but for blobs; never removed
//	locks/changes        locked while the list of changes is read or added to
//	tmp/<session>/       unfinished files of one open handle
//	tmp/<session>.lock   locked as long as that handle lives, so that others recognise the leftovers of a crash
//
// A blob appears under its name only when it is whole and synced; a pointer changes by renaming a synced file over it.
// A call that succeeded has synced the folder too. So a crash or a power cut leaves whole blobs, whole pointers, and
// files in tmp that the next Open removes.
package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"postern/remote"
)

// DefaultOpenFiles is how many blobs stay open for reading: enough for several files being read at once, each of a few
// chunks, and far from the 256 descriptors that some systems give a process.
const DefaultOpenFiles = 64

// The modes of the store's files and folders: no other user of the machine may read them, although they are ciphertext.
const (
	folderMode = 0o700
	fileMode   = 0o600
)

// Options are the choices of Open. The zero value is right for most.
type Options struct {
	OpenFiles int          // most blobs kept open for reading; 0: DefaultOpenFiles, below 0: none
	Log       *slog.Logger // nil: silent
	System    System       // nil: the one that we run on
	Existing  bool         // Open fails with ErrNoStore instead of making a store
	Letters   int          // most letters in an inbox; 0, and most: remote.MaxLetters

	// time between two checks of a watched store; 0: DefaultWatchEvery
	WatchEvery time.Duration
	Sleep      func(ctx context.Context, d time.Duration) error // waits between looks; nil: on the system's clock
}

// ErrNoStore is why Open fails with Options.Existing on a folder that is empty or missing.
var ErrNoStore = errors.New("there is no store in the folder")

// Store is one handle on a store.
type Store struct {
	root  string
	log   *slog.Logger
	sys   System
	files *openFiles
	tmp   *session
	// existing forbids making a store of a folder that is none.
	existing bool
	most     int // letters in an inbox

	watchEvery time.Duration
	sleep      func(ctx context.Context, d time.Duration) error
	life       context.Context // ends with Close
	end        context.CancelFunc
	watches    sync.WaitGroup // goroutines that watch
	// outside is the error of os.Root for a name that leads outside; package os gives it no name of its own.
	outside error
	slack   int64                     // see logSlack
	gates   [shards + 1]chan struct{} // one token each: this handle's turn at the lock of that shard, or at changesLock

	made    [kinds][shards]atomic.Bool // shard folders known to exist
	writing sync.RWMutex               // read-held by what needs tmp, so that Close waits for it
	closed  atomic.Bool
}

var _ remote.Store = (*Store)(nil)

// Open opens the store in a folder. An empty or missing folder becomes one unless Options.Existing is set. Errors:
// ErrForeign for a folder that holds something else or a store of a newer format, ErrRefused for one that can't be
// used, ErrFull, ErrUnavailable.
func Open(path string, o Options) (*Store, error) {
	if path == "" {
		return nil, &remote.Error{Op: opOpen, On: "disk:", Kind: remote.ErrRefused, Err: errors.New("no folder was named")}
	}
	root, err := filepath.Abs(path)
	if err != nil {
		return nil, &remote.Error{Op: opOpen, On: "disk:" + path, Kind: remote.ErrRefused, Err: err}
	}
	if o.OpenFiles == 0 {
		o.OpenFiles = DefaultOpenFiles
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.System == nil {
		o.System = local{}
	}
	if o.Letters <= 0 || o.Letters > remote.MaxLetters {
		o.Letters = remote.MaxLetters
	}
	if o.Sleep == nil {
		o.Sleep = remote.Sleep
	}
	s := &Store{root: root, log: o.Log, sys: o.System, existing: o.Existing, files: newOpenFiles(o.OpenFiles),
		slack: logSlack}
	s.most, s.watchEvery, s.sleep = o.Letters, cmp.Or(o.WatchEvery, DefaultWatchEvery), o.Sleep
	s.life, s.end = context.WithCancel(context.Background())
	for i := range s.gates {
		s.gates[i] = make(chan struct{}, 1)
	}
	if err := s.found(); err != nil {
		return nil, s.fail(opOpen, s, err)
	}
	p, err := s.enter()
	if err != nil {
		return nil, s.fail(opOpen, s, err)
	}
	defer p.Close()
	if s.tmp, err = newSession(p); err != nil {
		return nil, s.fail(opOpen, s, err)
	}
	if n, err := s.tmp.sweep(p); err != nil {
		s.log.Warn("could not remove what an interrupted run left", "store", root, "err", err)
	} else if n > 0 {
		s.log.Info("removed what an interrupted run left", "store", root, "sessions", n)
	}
	if _, err := s.identify(context.Background()); err != nil { // a disk that is full, say, can be opened all the same
		s.log.Warn("the store has no id that can be read", "store", root, "err", err)
	}
	return s, nil
}

// opOpen is the operation in errors of Open.
const opOpen = "open"

// Close ends this handle: it waits for writes under way and closes all files.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.closed.Swap(true) {
		return nil
	}
	s.end()
	s.watches.Wait()
	s.files.close()
	p, err := s.enter()
	if err != nil {
		_ = s.tmp.lock.Close() // the folder is gone, so nothing is left to remove
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return s.fail("close", s, err)
	}
	if err := errors.Join(s.tmp.close(p), p.Close()); err != nil {
		return s.fail("close", s, err)
	}
	return nil
}

// ready fails when the handle is closed or the context has ended.
func (s *Store) ready(ctx context.Context, op string, on fmt.Stringer) error {
	if s.closed.Load() {
		return remote.Fail(op, on, remote.ErrClosed, nil)
	}
	return remote.Alive(ctx, op, on)
}

// Space returns the room on the store's filesystem.
func (s *Store) Space(ctx context.Context) (remote.Space, error) {
	if err := s.ready(ctx, remote.OpSpace, s); err != nil {
		return remote.Space{}, err
	}
	space, err := room(s.root)
	if err != nil {
		return remote.Space{}, s.fail(remote.OpSpace, s, err)
	}
	return space, nil
}

// String names the store in errors.
func (s *Store) String() string { return "disk:" + s.root }

// missing turns "no such file" into what it means: the thing isn't in the store, or the store itself isn't there any
// more because its disk was taken away. Only the marker distinguishes the two. The difference matters: an unplugged
// disk that is taken for an empty one looks as if all data was lost.
func (s *Store) missing(op string, on fmt.Stringer) error {
	if s.isGone() {
		return remote.Fail(op, on, remote.ErrUnavailable, s.gone())
	}
	return remote.Fail(op, on, remote.ErrNotFound, nil)
}

// isGone reports whether the store has no marker any more.
func (s *Store) isGone() bool {
	_, err := os.Lstat(filepath.Join(s.root, markerName))
	return err != nil
}

// gone returns the error for a store whose marker is missing.
func (s *Store) gone() error {
	return fmt.Errorf("there is no store in %s any more: is its disk connected?", s.root)
}
