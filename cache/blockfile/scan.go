package blockfile

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"postern/crypto"
)

// found is a file that was there at Open.
type found struct {
	name    crypto.BlobName
	blob    *blob
	written time.Time
}

// scan finds the files that were in the folder at Open, and removes those that do not fit. They count as used in the
// order in which they were written, and before all blocks used since.
func (t *Tier) scan() {
	defer close(t.scanned)
	var all []found
	folders, err := os.ReadDir(t.dir)
	if err != nil {
		t.log.Warn("the folder of the cache can't be read", "folder", t.dir, "error", err)
	}
	for _, folder := range folders {
		if t.ended() {
			return
		}
		if folder.IsDir() && len(folder.Name()) == 2 {
			all = t.scanFolder(folder.Name(), all)
		}
	}
	slices.SortFunc(all, func(a, b found) int { return b.written.Compare(a.written) })
	t.writing.Lock()
	defer t.writing.Unlock()
	t.removeAll(t.enter(all))
}

func (t *Tier) ended() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

func (t *Tier) scanFolder(folder string, all []found) []found {
	files, err := os.ReadDir(filepath.Join(t.dir, folder))
	if err != nil {
		t.log.Warn("a folder of the cache can't be read", "folder", folder, "error", err)
	}
	for _, file := range files {
		if !strings.HasPrefix(file.Name(), folder) || !file.Type().IsRegular() {
			continue
		}
		path := filepath.Join(t.dir, folder, file.Name())
		if former.MatchString(file.Name()) {
			_ = os.Remove(path)
			continue
		}
		name, err := crypto.ParseBlobName(file.Name())
		if err != nil {
			continue
		}
		if b, written, ok := look(path, name); ok {
			all = append(all, found{name, b, written})
		}
	}
	return all
}

// former matches the names of files of earlier builds, which held one block each.
var former = regexp.MustCompile(`^[0-9a-f]{64}-[0-9a-f]{2}(\.new)?$`)

// look finds the blocks in a file. It returns false if the file is gone or can't be read.
func look(path string, name crypto.BlobName) (b *blob, written time.Time, ok bool) {
	f, err := openFile(path, os.O_RDONLY)
	if err != nil {
		return nil, time.Time{}, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, false
	}
	return blocksIn(f, name, info.Size()), info.ModTime(), true
}

// enter adds files to the index, the last written first, as far as there is room, and returns the others.
func (t *Tier) enter(all []found) (rest []crypto.BlobName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	var fits []found
	bytes := t.bytes
	for _, f := range all {
		size := onDisk(f.blob.size)
		switch {
		case t.index.Contains(f.name): // written anew since
		case t.early[f.name] || len(f.blob.blocks) == 0:
			rest = append(rest, f.name)
		case bytes+size > t.limit:
			rest = append(rest, f.name)
			t.stats.Evicted += uint64(len(f.blob.blocks))
		default:
			fits = append(fits, f)
			bytes += size
		}
	}
	used := t.index.Keys()
	for _, f := range slices.Backward(fits) {
		t.index.Add(f.name, f.blob)
		t.bytes += onDisk(f.blob.size)
		t.entries += len(f.blob.blocks)
	}
	for _, name := range used {
		t.index.Get(name) // counts as used later than the files that were there at Open
	}
	t.early = nil
	return rest
}
