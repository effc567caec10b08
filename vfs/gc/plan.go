package gc

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"

	"postern/crypto"
	"postern/remote"
)

const (
	// deadHalf is the live part below which a pack is rewritten.
	deadHalf = 0.5
	// slack is how much more than its live bytes the drive may take before packs with a larger live part, up to
	// deadEighth, are rewritten.
	slack      = 1.2
	deadEighth = 0.875
	// leastGain is the part of the drive's size that rewriting must save. Less is not worth the traffic.
	leastGain = 0.02
	// mostMoved limits the live bytes that one run moves, so that it ends in reasonable time; later runs continue.
	mostMoved = 1 << 30
)

// pack is a blob whose live parts can be moved.
type pack struct {
	name       crypto.BlobName
	size, live int64
	from       []uint32 // the spaces that need it
}

// choose returns the packs that are worth rewriting, those with the least live part first. It considers only packs that
// are listed with their size and can be moved completely.
func (c *collection) choose() map[crypto.BlobName]bool {
	var packs []pack
	blocked := c.blocked()
	for name, u := range c.marks.blobs {
		if u.by == 0 || c.sets.meets(u.by, blocked) {
			continue
		}
		if size := c.listed[name]; size > 0 && !u.fixed && u.live > 0 && float64(u.live) < deadEighth*float64(size) {
			packs = append(packs, pack{name, size, u.live, c.sets.members[u.by]})
		}
	}
	slices.SortFunc(packs, func(a, b pack) int {
		if n := cmp.Compare(float64(a.live)/float64(a.size), float64(b.live)/float64(b.size)); n != 0 {
			return n
		}
		return bytes.Compare(a.name[:], b.name[:])
	})
	return worthMoving(packs, c.report.Needed.Bytes, c.report.Live)
}

// worthMoving takes packs, in order of their live part, as long as that saves something.
func worthMoving(packs []pack, total, live int64) map[crypto.BlobName]bool {
	chosen, spaces := map[crypto.BlobName]bool{}, map[uint32]bool{}
	var size, moved int64
	for _, p := range packs {
		after := total - size + padded(moved)
		if float64(p.live) >= deadHalf*float64(p.size) && float64(after) <= slack*float64(live) || moved+p.live > mostMoved {
			break
		}
		chosen[p.name] = true
		for _, space := range p.from {
			spaces[space] = true
		}
		size += p.size
		moved += p.live
	}
	// Parts moved for different spaces go into different packs, and each space ends with a pack that is not full.
	gain := size - padded(moved) - int64(max(0, len(spaces)-1))*crypto.MinBlobSize
	if float64(gain) < leastGain*float64(total) || gain < crypto.MinBlobSize {
		return nil
	}
	return chosen
}

// padded estimates the size of live bytes in new packs.
func padded(n int64) int64 {
	full := n / crypto.MaxBlobSize
	return full*crypto.MaxBlobSize + int64(crypto.PaddedSize(int(n%crypto.MaxBlobSize)))
}

// wholes is how many packs are kept in memory while they are emptied.
const wholes = 6

// whole reads packs that are to be emptied as a whole, since many small parts of each are needed.
type whole struct {
	store remote.Blobs
	wants func(crypto.BlobName) bool

	mu   sync.Mutex
	kept []wholeBlob // the most recently used last
}

type wholeBlob struct {
	name crypto.BlobName
	data []byte
}

func newWhole(store remote.Blobs, wants func(crypto.BlobName) bool) *whole {
	return &whole{store: store, wants: wants}
}

// GetRange implements tree.Source.
func (w *whole) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	if !w.wants(name) {
		return w.store.GetRange(ctx, name, off, p)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.kept, func(b wholeBlob) bool { return b.name == name })
	if i < 0 || remote.IsPastCaches(ctx) {
		data, err := w.store.Get(ctx, name)
		if err != nil {
			return err
		}
		if i >= 0 {
			w.kept = slices.Delete(w.kept, i, i+1)
		}
		if len(w.kept) == wholes {
			w.kept = slices.Delete(w.kept, 0, 1)
		}
		w.kept = append(w.kept, wholeBlob{name, data})
		i = len(w.kept) - 1
	}
	b := w.kept[i]
	w.kept = append(slices.Delete(w.kept, i, i+1), b)
	p, err := remote.Clip(ctx, name, int64(len(b.data)), off, p)
	if err == nil {
		copy(p, b.data[off:])
	}
	return err
}
