package pin

import (
	"context"
	"time"

	"postern/crypto"
	"postern/vfs/tree"
)

// Mount is a space that holds part of what lies at and below a path of the drive.
type Mount struct {
	Path   string // of the mount in the drive
	Within string // what the path leads to in the space
	Store  *Store // keeps the space's blobs
	// Files returns the files of the newest known commit, and whether it holds all changes made here. whole is valid even
	// with an error.
	Files func(context.Context) (files tree.Tree, whole bool, err error)
}

// pinned is a pinned path. The Pinner's lock guards it.
type pinned struct {
	parts map[string]*part // by the paths of the mounts that hold what lies at and below the path
}

func newPinned() *pinned { return &pinned{map[string]*part{}} }

// part is what a pinned path needs of one space. The Pinner's lock guards it.
type part struct {
	store  *Store
	walker *tree.Walker              // skips what was visited before; nil: visits everything
	needs  map[crypto.BlobName]int64 // needed bytes by blob; only grows until the next sweep
	absent bool                      // nothing exists at the path
	known  bool                      // needs is complete for the newest commit
	walked bool                      // needs is complete for some commit
	served uint64                    // the newest request for which everything was fetched
	failed error                     // why the last run did not fetch everything
	gone   time.Time                 // since when the space does not hold the path; zero: it does
}

func newPart(s *Store) *part { return &part{store: s, needs: map[crypto.BlobName]int64{}} }

// part returns what a pinned path needs of a mounted space; nil if the path is not pinned any more.
func (p *Pinner) part(path string, m Mount) *part {
	p.mu.Lock()
	defer p.mu.Unlock()
	pin := p.pins[path]
	if pin == nil {
		return nil
	}
	of := pin.parts[m.Path]
	if of == nil || of.store != m.Store {
		of = newPart(m.Store)
		pin.parts[m.Path] = of
	}
	return of
}

// replace replaces a part with the one that a sweep found, unless the path is no longer pinned.
func (p *Pinner) replace(path string, m Mount, was, now *part) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pin := p.pins[path]; pin != nil && pin.parts[m.Path] == was {
		pin.parts[m.Path] = now
	}
}

// needed returns the blobs that all paths need from a Store; false if not all of them are known. What a space that no
// longer holds the path needs counts for the time Grace. The caller holds the lock.
func (p *Pinner) needed(s *Store) (map[crypto.BlobName]struct{}, bool) {
	names, now := map[crypto.BlobName]struct{}{}, p.o.Now()
	for path, pin := range p.pins {
		there := map[string]bool{}
		for _, m := range p.mounted(path) {
			if there[m.Path] = true; m.Store != s {
				continue
			}
			if of := pin.parts[m.Path]; of == nil || of.store != s || !of.walked {
				return nil, false
			}
		}
		for at, of := range pin.parts {
			switch {
			case of.store != s:
				continue
			case there[at]:
				of.gone = time.Time{}
			case of.gone.IsZero():
				of.gone = now
			case now.Sub(of.gone) >= p.o.Grace:
				delete(pin.parts, at)
				continue
			}
			for name := range of.needs {
				names[name] = struct{}{}
			}
		}
	}
	return names, true
}
