package blockfile

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postern/crypto"
)

// found is a file from before.
type found struct {
	item
	written time.Time
}

// scan finds what lies in the folder from before. It goes behind what was used since, the last written first; what is too
// much is removed.
func (t *Tier) scan() {
	defer close(t.scanned)
	var all []found
	folders, err := os.ReadDir(t.dir)
	if err != nil {
		t.mu.Lock()
		t.fault(err)
		t.mu.Unlock()
		return
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
	for _, gone := range t.adopt(all) {
		_ = os.Remove(t.path(gone)) // what remains is found and judged at the next start
	}
}

func (t *Tier) ended() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed || t.stats.Out
}

func (t *Tier) scanFolder(name string, all []found) []found {
	files, err := os.ReadDir(filepath.Join(t.dir, name))
	if err != nil {
		t.mu.Lock()
		t.fault(err)
		t.mu.Unlock()
		return all
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
		all = append(all, found{item{key, onDisk(info.Size())}, info.ModTime()})
	}
	return all
}

// removeTorn removes what an interrupted write left, but for what is being written right now.
func (t *Tier) removeTorn(k Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending[k] == nil {
		_ = os.Remove(t.path(k) + suffix)
	}
}

// adopt takes what was found into the index, as far as there is room, and returns the rest.
func (t *Tier) adopt(all []found) (rest []Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.stats.Out {
		return nil
	}
	for _, f := range all {
		if t.index[f.key] != nil {
			continue // written anew since
		}
		if t.early[f.key.Blob] {
			rest = append(rest, f.key)
			continue
		}
		if t.bytes+f.bytes > t.limit {
			rest = append(rest, f.key)
			t.stats.Evicted++
			continue
		}
		it := f.item
		t.index[f.key] = t.lru.PushBack(&it)
		t.bytes += f.bytes
	}
	t.early = nil
	return rest
}

// parseName reads what path writes.
func parseName(name string) (k Key, ok bool) {
	blob, index, ok := strings.Cut(name, "-")
	if !ok || len(index) != 2 {
		return Key{}, false
	}
	n, err := hex.DecodeString(index)
	if err != nil || strings.ToLower(index) != index {
		return Key{}, false
	}
	k.Blob, err = crypto.ParseBlobName(blob)
	k.Index = uint32(n[0])
	return k, err == nil
}
