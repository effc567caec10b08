package blockfile

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postern/cache/tier"
	"postern/crypto"
)

// found is a file that was there at Open.
type found struct {
	key     tier.Key
	bytes   int64 // on disk
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

func (t *Tier) scanFolder(name string, all []found) []found {
	files, err := os.ReadDir(filepath.Join(t.dir, name))
	if err != nil {
		t.log.Warn("a folder of the cache can't be read", "folder", name, "error", err)
	}
	for _, file := range files {
		whole, torn := strings.CutSuffix(file.Name(), suffix)
		key, ok := parseName(whole)
		if !ok || !strings.HasPrefix(whole, name) || !file.Type().IsRegular() {
			continue
		}
		if torn {
			t.removeTorn(key)
			continue
		}
		info, err := file.Info()
		if err != nil {
			continue // gone since
		}
		all = append(all, found{key, onDisk(info.Size()), info.ModTime()})
	}
	return all
}

// removeTorn removes the file that an interrupted write left. No write is under way meanwhile.
func (t *Tier) removeTorn(k tier.Key) {
	t.writing.Lock()
	defer t.writing.Unlock()
	_ = os.Remove(t.path(k) + suffix)
}

// enter adds files to the index, the last written first, as far as there is room, and returns the others.
func (t *Tier) enter(all []found) (rest []tier.Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	var fits []found
	bytes := t.bytes
	for _, f := range all {
		switch {
		case t.index.Contains(f.key): // written anew since
		case t.early[f.key.Blob]:
			rest = append(rest, f.key)
		case bytes+f.bytes > t.limit:
			rest = append(rest, f.key)
			t.stats.Evicted++
		default:
			fits = append(fits, f)
			bytes += f.bytes
		}
	}
	used := t.index.Keys()
	for _, f := range slices.Backward(fits) {
		t.adopt(f.key, f.bytes)
	}
	for _, k := range used {
		t.index.Get(k) // counts as used later than the files that were there at Open
	}
	t.early = nil
	return rest
}

// parseName parses a name that path has made.
func parseName(name string) (k tier.Key, ok bool) {
	blob, index, ok := strings.Cut(name, "-")
	if !ok || len(index) != 2 {
		return tier.Key{}, false
	}
	n, err := hex.DecodeString(index)
	if err != nil || strings.ToLower(index) != index {
		return tier.Key{}, false
	}
	k.Blob, err = crypto.ParseBlobName(blob)
	k.Index = uint32(n[0])
	return k, err == nil
}
