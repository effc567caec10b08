package evil

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"postern/crypto"
	"postern/remote"
)

// Curious is a remote that never lies but keeps a copy of every blob that reaches it, deleted since or not, and of
// every blob whose Put then fails. Overlaps compares the copies. It is for tests with tens of megabytes: nothing bounds
// what it keeps.
type Curious struct {
	remote.Store

	mu    sync.Mutex
	blobs map[crypto.BlobName][]byte
}

// NewCurious returns inner, watched.
func NewCurious(inner remote.Store) *Curious {
	return &Curious{Store: inner, blobs: map[crypto.BlobName][]byte{}}
}

// Put keeps a copy of the blob and passes it on.
func (c *Curious) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	data, err := remote.ReadBody(body)
	if err != nil {
		return remote.Fail(remote.OpPut, name, remote.KindOf(err), err)
	}
	c.mu.Lock()
	c.blobs[name] = data
	c.mu.Unlock()
	return c.Store.Put(ctx, name, remote.BytesBody(data))
}

// Seen returns the names of all blobs that were ever put.
func (c *Curious) Seen() iter.Seq[crypto.BlobName] {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Keys(maps.Clone(c.blobs))
}

// Overlaps compares all blobs that were ever put; see the function Overlaps.
func (c *Curious) Overlaps() []Overlap {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Overlaps(c.blobs)
}

// Overlap is a run of bytes that occurs twice, in two blobs or in one.
type Overlap struct {
	A, B       crypto.BlobName
	OffA, OffB int
	Len        int
}

func (o Overlap) String() string {
	return fmt.Sprintf("%d bytes at %d in %.8v… are those at %d in %.8v…", o.Len, o.OffA, o.A, o.OffB, o.B)
}

// LeastOverlap is the shortest run that Overlaps finds for sure, in bytes. Random bytes do not repeat so many.
const LeastOverlap = 32

// block is the length of what is looked up, in bytes: every run of LeastOverlap bytes contains a block that begins at a
// multiple of it.
const block = LeastOverlap / 2

// mostOverlaps bounds what Overlaps returns.
const mostOverlaps = 16

// Overlaps returns runs of at least LeastOverlap bytes that occur twice in blobs, at most mostOverlaps of them.
// Ciphertext under fresh keys has none. It takes about a second for 50 MB, and as much memory again as the blobs take.
func Overlaps(blobs map[crypto.BlobName][]byte) []Overlap {
	x := newAligned(blobs)
	var found []Overlap
	for i, name := range x.names {
		data := x.data[i]
		for off := 0; off+block <= len(data); off++ {
			at, ok := x.find(data[off:off+block], place{uint32(i), uint32(off)})
			if !ok {
				continue
			}
			o := x.extend(place{uint32(i), uint32(off)}, at)
			if o.Len < LeastOverlap {
				continue
			}
			o.A, o.B = name, x.names[at.blob]
			found = append(found, o)
			if len(found) == mostOverlaps {
				return found
			}
			off = o.OffA + o.Len - 1
		}
	}
	return found
}

// aligned finds the blocks of all blobs that begin at a multiple of their length.
type aligned struct {
	names []crypto.BlobName
	data  [][]byte
	slots []place // a hash table with open addressing; the zero place is an empty slot
}

// place is where a block begins. Blobs count from 0, and are one more in slots.
type place struct{ blob, off uint32 }

func newAligned(blobs map[crypto.BlobName][]byte) *aligned {
	byName := func(a, b crypto.BlobName) int { return bytes.Compare(a[:], b[:]) }
	x := &aligned{names: slices.SortedFunc(maps.Keys(blobs), byName)}
	n := 1
	for _, name := range x.names {
		x.data = append(x.data, blobs[name])
		n += len(blobs[name]) / block
	}
	size := 16
	for size < 2*n {
		size *= 2
	}
	x.slots = make([]place, size)
	for i, data := range x.data {
		for off := 0; off+block <= len(data); off += block {
			slot := x.slot(data[off : off+block])
			for x.slots[slot] != (place{}) {
				slot = (slot + 1) & (size - 1)
			}
			x.slots[slot] = place{uint32(i) + 1, uint32(off)}
		}
	}
	return x
}

func (x *aligned) slot(b []byte) int {
	h := binary.LittleEndian.Uint64(b)*0x9e3779b97f4a7c15 ^ binary.LittleEndian.Uint64(b[8:])*0xc2b2ae3d27d4eb4f
	return int((h ^ h>>32) & uint64(len(x.slots)-1))
}

// find returns a place, other than self, where the bytes of a block lie.
func (x *aligned) find(want []byte, self place) (place, bool) {
	for slot := x.slot(want); x.slots[slot] != (place{}); slot = (slot + 1) & (len(x.slots) - 1) {
		at := place{x.slots[slot].blob - 1, x.slots[slot].off}
		if at != self && bytes.Equal(x.data[at.blob][at.off:int(at.off)+block], want) {
			return at, true
		}
	}
	return place{}, false
}

// extend returns the longest run around two equal blocks.
func (x *aligned) extend(a, b place) Overlap {
	p, q := x.data[a.blob], x.data[b.blob]
	i, j := int(a.off), int(b.off)
	for i > 0 && j > 0 && p[i-1] == q[j-1] {
		i, j = i-1, j-1
	}
	n := 0
	for i+n < len(p) && j+n < len(q) && p[i+n] == q[j+n] {
		n++
	}
	return Overlap{OffA: i, OffB: j, Len: n}
}
