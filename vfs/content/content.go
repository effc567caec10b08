// Package content turns a file's bytes into sealed chunks and back. A Writer cuts, hashes, seals and stages bytes as
// they arrive; a Reader fetches and opens the requested segments, and reads ahead during sequential reads.
// crypto/FORMAT.md specifies chunks and index nodes.
package content

import (
	"context"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// SmallLimit is the size in bytes of the largest file whose sealed chunk is stored in the journal's record instead of
// its own blob. That saves two syncs for each small file, and the committer packs small files together.
const SmallLimit = 512 << 10

// Source provides sealed bytes: staging, the journal's attachments, or the remote through its caches. Errors are those
// of remote.Blobs.
type Source interface {
	GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error
}

// Result is a written file.
type Result struct {
	Content object.Content
	Sums    vfs.Sums
	// Piece is the sealed chunk of a small file, which no blob holds yet; Content's only chunk names it by its BLAKE3 and
	// starts at its first byte. It is nil when the file is empty or larger than the limit.
	Piece []byte
}
