// Package content turns a file's bytes into sealed chunks and back. A Writer cuts, hashes, seals and stages as the bytes arrive; a
// Reader fetches and opens the segments that are asked for, and reads ahead when it is read in order. crypto/FORMAT.md says what
// a chunk and an index node are.
package content

import (
	"context"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// SmallLimit is the largest file in bytes whose sealed chunk travels in the journal's record instead of a blob of its own: two
// syncs less for each of many small files, and the committer packs them together.
const SmallLimit = 512 << 10

// Source is where sealed bytes are read: staging, the journal's attachments, or the remote through its caches. Errors are those of
// remote.Blobs.
type Source interface {
	GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error
}

// Result is a file that was written.
type Result struct {
	Content object.Content
	Sums    vfs.Sums
	// Piece is the sealed chunk of a small file, which no blob holds yet; Content's only chunk names it by its BLAKE3 and starts
	// at its first byte. nil when the file is empty or larger than the limit.
	Piece []byte
}
