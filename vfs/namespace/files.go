package namespace

import (
	"context"
	"path"
	"sync"
	"time"

	"postern/crypto"
	"postern/vfs"
)

const (
	// askedAtOnce is how many mounts of single files are asked for their infos at the same time.
	askedAtOnce = 16
	// knownFiles is how many infos of mounted files are kept, some 300 bytes each.
	knownFiles = 4096
)

// files keeps the infos of single files that are mounted in trees, for listings of the folders that they are in.
type files struct {
	mu      sync.Mutex
	known   map[crypto.PointerID]*asked[vfs.Info]
	running chan struct{} // holds an item for each call that runs
}

func newFiles() *files {
	return &files{known: map[crypto.PointerID]*asked[vfs.Info]{}, running: make(chan struct{}, askedAtOnce)}
}

// of returns what is known about the file of a space.
func (f *files) of(id crypto.PointerID) *asked[vfs.Info] {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.known[id]
	if a == nil {
		for other := range f.known { // any of them; it is asked again when it is listed
			if len(f.known) < knownFiles {
				break
			}
			delete(f.known, other)
		}
		a = new(asked[vfs.Info])
		f.known[id] = a
	}
	return a
}

// fileMounts shows the single files that are mounted in one folder, during one listing.
type fileMounts struct {
	t      *table
	folder place
	until  time.Time // the listing waits for them until then; zero: it has not waited yet
}

func (t *table) fileMounts(folder place) *fileMounts { return &fileMounts{t: t, folder: folder} }

// look returns the info of a mounted file as the listing of its folder shows it: as its space says, or as it was last
// known there, or else read-only and empty.
func (l *fileMounts) look(ctx context.Context, entry vfs.Info) vfs.Info {
	entry.ReadOnly = true
	c, ok := l.folder.fs.(Crosser)
	if !ok || l.t.o.Open == nil {
		return entry
	}
	p := place{mount: l.folder.mount, within: path.Join(l.folder.within, entry.Name)}
	m, ok, err := c.Crossing(ctx, p.within)
	if err != nil || !ok || !m.Target.File {
		return entry
	}
	a := l.t.o.files.of(m.Target.Capability.ID)
	l.wait(ctx, a, l.ask(a, p))
	info, known := a.answer()
	if !known {
		return entry
	}
	info.Name, info.Mounted = entry.Name, true
	return info
}

// ask asks the space of a mounted file for its info, in the background. The returned channel is closed when the answer
// is there; nil: do not wait for it.
func (l *fileMounts) ask(a *asked[vfs.Info], p place) <-chan struct{} {
	running := l.t.o.files.running
	select {
	case running <- struct{}{}:
	default:
		return nil
	}
	wait, began := a.ask(func(ctx context.Context) (vfs.Info, error) {
		defer func() { <-running }()
		p, err := l.t.cross(ctx, p, false)
		if err != nil {
			return vfs.Info{}, err
		}
		return p.stat(ctx, p.fs)
	})
	if !began {
		<-running
	}
	return wait
}

// wait waits for an answer. All waiting of one listing ends after the patience.
func (l *fileMounts) wait(ctx context.Context, a *asked[vfs.Info], answered <-chan struct{}) {
	if answered == nil {
		return
	}
	if l.until.IsZero() {
		l.until = time.Now().Add(l.t.o.Patience)
	}
	ctx, cancel := context.WithDeadline(ctx, l.until)
	defer cancel()
	select {
	case <-answered:
	case <-ctx.Done():
		a.giveUp()
	}
}
