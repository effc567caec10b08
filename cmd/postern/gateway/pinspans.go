package gateway

import (
	"context"
	"slices"
	"sync"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/namespace"
	"postern/vfs/pin"
)

// pinSpans finds the mounts at and below pinned paths, also those in trees, such as shared folders. That may take a
// while, so it happens in the background, and the Pinner gets what was found last.
type pinSpans struct {
	d      *drive
	woken  chan struct{}
	cancel context.CancelFunc
	ended  chan struct{}

	finding sync.Mutex
	mu      sync.Mutex
	known   map[string][]namespace.Span // by pinned path
}

// pause is how many times the duration of a search passes before the next one.
const pause = 10

func newPinSpans(d *drive) *pinSpans {
	return &pinSpans{d: d, woken: make(chan struct{}, 1), ended: make(chan struct{})}
}

// wake searches again, soon: there is another commit, or a mount has come or gone.
func (s *pinSpans) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// start begins to search; after the first time the Pinner starts, which would drop what it does not know of.
func (s *pinSpans) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() {
		defer close(s.ended)
		s.find(ctx)
		s.d.pins.Start(s.d.mounted)
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.woken:
			}
			begin := time.Now()
			s.find(ctx)
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause * time.Since(begin)):
			}
		}
	}()
}

// stop ends the search.
func (s *pinSpans) stop() {
	if s.cancel != nil {
		s.cancel()
		<-s.ended
	}
}

// find searches once, and calls the Pinner if there are others. What can't be searched now stays as it was.
func (s *pinSpans) find(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, remote.Shipped.Work)
	defer cancel()
	s.finding.Lock()
	defer s.finding.Unlock()
	found, other := map[string][]namespace.Span{}, false
	for _, path := range s.d.pins.Paths() {
		was, known := s.of(path)
		spans, err := s.d.fs.SpansIn(ctx, path)
		switch {
		case err == nil:
			found[path] = spans
			other = other || !known || !slices.EqualFunc(was, spans, sameSpan)
		case known:
			found[path] = was
		}
	}
	s.mu.Lock()
	s.known = found
	s.mu.Unlock()
	if other {
		s.d.pins.Changed()
	}
}

// sameSpan reports whether two spans show the same part of the same space.
func sameSpan(a, b namespace.Span) bool {
	return a.Path == b.Path && a.Within == b.Within && spaceID(a.FS) == spaceID(b.FS)
}

// spaceID returns the id of the space that a file system shows; zero if it is none.
func spaceID(fs vfs.FS) (id crypto.PointerID) {
	if s, ok := fs.(interface{ ID() crypto.PointerID }); ok {
		id = s.ID()
	}
	return id
}

// of returns the mounts at and below a pinned path, if they are known.
func (s *pinSpans) of(path string) (all []namespace.Span, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, known = s.known[path]
	return all, known
}

// mounted returns the spaces that hold what lies at and below a path. The history is not among them.
func (d *drive) mounted(path string) []pin.Mount {
	if all, known := d.spans.of(path); known {
		return keepables(all)
	}
	return keepables(d.fs.Spans(path))
}

// keepables returns the mounts whose blobs can be kept.
func keepables(spans []namespace.Span) (all []pin.Mount) {
	for _, span := range spans {
		if s, ok := span.FS.(keepable); ok {
			if store, ok := s.Store().(*pin.Store); ok {
				all = append(all, pin.Mount{Path: span.Path, Within: span.Within, Store: store, Files: s.Committed})
			}
		}
	}
	return all
}
