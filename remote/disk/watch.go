package disk

import (
	"context"
	"io/fs"
	"os"
	"slices"
	"time"

	"postern/crypto"
	"postern/remote"
)

// DefaultWatchEvery is how often a watched store is checked: often enough for a chat, and one call of the system each
// time.
const DefaultWatchEvery = 2 * time.Second

// Watch implements remote.Watch. It looks at the list of changes and at the files of ids, and reads none of them.
func (s *Store) Watch(ctx context.Context, ids []crypto.PointerID) (<-chan struct{}, error) {
	s.writing.RLock() // Close waits for what is begun here
	defer s.writing.RUnlock()
	if err := s.ready(ctx, remote.OpWatch, s); err != nil {
		return nil, err
	}
	if err := remote.CheckWatch(ids); err != nil {
		return nil, err
	}
	files := []string{changesFile}
	for _, id := range ids {
		files = append(files, pointerFile(id))
	}
	watching, end := context.WithCancel(ctx)
	stop := context.AfterFunc(s.life, end)
	hints := make(chan struct{}, 1)
	before := s.glance(files)
	s.watches.Go(func() {
		defer close(hints)
		defer end()
		defer stop()
		for s.sleep(watching, s.watchEvery) == nil {
			now := s.glance(files)
			if !slices.EqualFunc(before, now, unmoved) {
				select {
				case hints <- struct{}{}:
				default:
				}
			}
			before = now
		}
	})
	return hints, nil
}

// glance returns the metadata of files, nil for one that is missing or can't be read.
func (s *Store) glance(files []string) []fs.FileInfo {
	infos := make([]fs.FileInfo, len(files))
	_ = s.within(func(p place) error { // a store that is away hints when it is back
		for i, name := range files {
			if info, err := p.Lstat(name); err == nil {
				infos[i] = info
			}
		}
		return nil
	})
	return infos
}

// unmoved reports whether a file is the same one, with the same size and times.
func unmoved(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
