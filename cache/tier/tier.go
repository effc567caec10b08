// Package tier is the contract of the places where a cache keeps blocks of ciphertext: memory, a folder on disk, a
// server on the network. Package cachetest is the same contract as code.
//
// A tier may forget anything at any time, and is not trusted: a reader opens the seal of the bytes that a tier
// returned, and on failure reads past all tiers, which replaces the block in them. So a tier needs no durability and no
// authentication.
package tier

import (
	"context"
	"io"

	"postern/crypto"
)

const (
	// MaxIndex is the greatest index of a block.
	MaxIndex = 0xff
	// MaxBlock is the most bytes of a block.
	MaxBlock = 1 << 20
)

// Key names a block: its blob, and which block of the blob it is.
//
// A key shows only what the remote sees as well: the name of a blob, which is the hash of its ciphertext, and which
// range of it is read. A key shows neither a file nor a folder nor an account. But two users who read the same blob use
// the same key, and anybody who knows a blob's name recognises it. A tier that serves more than one account, or that
// lies outside this machine, therefore stores a block under a hash of the key that is keyed with a secret of the
// account.
type Key struct {
	Blob  crypto.BlobName
	Index uint32 // at most MaxIndex
}

// Block is the beginning of a block of a blob, usually all of it. It never changes: no code writes to Data.
type Block struct {
	Data []byte // ciphertext, at most MaxBlock bytes
	Size int64  // bytes of the whole blob; 0: not known
}

// Entry is a block and its name.
type Entry struct {
	Key
	Block
}

// Tier keeps blocks. All methods may be called at once from many goroutines. They return soon after ctx has ended; a
// tier that doesn't is abandoned by the cache and counted as failing. An error means that the tier failed; a block that
// is not there is no error.
type Tier interface {
	// Get calls found for each key whose block is held, with the key's position in keys: at most once, one at a time, in
	// any order, and never after Get has returned. Blocks found before an error are valid.
	Get(ctx context.Context, keys []Key, found func(i int, b Block)) error
	// Put keeps blocks in place of others of the same key. It may keep some of them or none.
	Put(ctx context.Context, blocks []Entry) error
	// Delete forgets all blocks of a blob. A Put that began before does not undo it.
	Delete(ctx context.Context, blob crypto.BlobName) error

	io.Closer
}

// Stats count what a tier holds and what it has dropped.
type Stats struct {
	Evicted      uint64 // blocks that made room for others
	Corrupt      uint64 // blocks that were not what was put
	Entries      int
	Bytes, Limit int64
}

// Measured is a Tier that knows its Stats.
type Measured interface {
	Stats() Stats
}
