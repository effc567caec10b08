package gc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"postern/crypto"
	"postern/remote/localfs"
	"postern/vfs/object"
)

// File is a Ledger in a file of its own. It holds names of blobs, which the remote knows as well, and times.
//
//	"postern garbage\n"  u32 version  32 hash of the commit walked  6 × i64 Last  then for each blob, by name: 32 name, i64 since
//	and in the end the BLAKE3 of all before
//
// It is written beside and renamed, so that a crash leaves the old file or the new one. One that is damaged is as good as none.
type File struct {
	Path string
	FS   localfs.FS   // nil: the system's
	Log  *slog.Logger // nil: quiet
}

const (
	fileMagic   = "postern garbage\n"
	fileVersion = 2
	fileHead    = len(fileMagic) + 4 + 32 + 6*8
	fileRecord  = 32 + 8
	// maxFile bounds what is read: the names of 100 TB in full chunks.
	maxFile = 1 << 30
)

func (f *File) fs() localfs.FS {
	if f.FS == nil {
		return localfs.OS{}
	}
	return f.FS
}

// Load implements Ledger.
func (f *File) Load() (Notes, error) {
	b, err := f.read()
	if errors.Is(err, fs.ErrNotExist) {
		return Notes{}, nil
	}
	if err != nil {
		return Notes{}, fmt.Errorf("read what garbage is known: %w", err)
	}
	n, err := parse(b)
	if err != nil {
		if f.Log != nil {
			f.Log.Warn("what garbage was known is forgotten, so all of it waits anew", "file", f.Path, "error", err)
		}
		return Notes{}, nil
	}
	return n, nil
}

func (f *File) read() (_ []byte, err error) {
	file, err := f.fs().Open(f.Path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	size, err := file.Size()
	if err != nil || size > maxFile {
		return nil, err
	}
	b := make([]byte, size)
	if n, err := file.ReadAt(b, 0); n < len(b) {
		return nil, err
	}
	return b, nil
}

func parse(b []byte) (Notes, error) {
	if len(b) < fileHead+32 || (len(b)-fileHead-32)%fileRecord != 0 || !bytes.HasPrefix(b, []byte(fileMagic)) {
		return Notes{}, crypto.ErrFormat
	}
	body, sum := b[:len(b)-32], b[len(b)-32:]
	if crypto.NameOf(body) != crypto.BlobName(sum) {
		return Notes{}, fmt.Errorf("%w: it is damaged", crypto.ErrFormat)
	}
	p := body[len(fileMagic):]
	if v := binary.BigEndian.Uint32(p); v != fileVersion {
		return Notes{}, fmt.Errorf("%w: version %d", crypto.ErrFormat, v)
	}
	n := Notes{Walked: object.CommitHash(p[4:36]), Blobs: make(map[crypto.BlobName]int64, len(body)/fileRecord)}
	number := func(i int) int64 { return int64(binary.BigEndian.Uint64(p[36+8*i:])) }
	n.Last = Last{At: number(0), Needed: number(1), Candidates: number(2), Commit: number(4), Doubted: number(5)}
	if due := number(3); due != 0 {
		n.Last.Due = time.Unix(0, due).UTC()
	}
	for p = body[fileHead:]; len(p) > 0; p = p[fileRecord:] {
		n.Blobs[crypto.BlobName(p[:32])] = int64(binary.BigEndian.Uint64(p[32:]))
	}
	return n, nil
}

func (n Notes) encode() []byte {
	b := make([]byte, 0, fileHead+len(n.Blobs)*fileRecord+32)
	b = append(b, fileMagic...)
	b = binary.BigEndian.AppendUint32(b, fileVersion)
	b = append(b, n.Walked[:]...)
	due := int64(0)
	if !n.Last.Due.IsZero() {
		due = n.Last.Due.UnixNano()
	}
	for _, v := range []int64{n.Last.At, n.Last.Needed, n.Last.Candidates, due, n.Last.Commit, n.Last.Doubted} {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	names := make([]crypto.BlobName, 0, len(n.Blobs))
	for name := range n.Blobs {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b crypto.BlobName) int { return bytes.Compare(a[:], b[:]) })
	for _, name := range names {
		b = append(b, name[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(n.Blobs[name]))
	}
	sum := crypto.NameOf(b)
	return append(b, sum[:]...)
}

// Save implements Ledger.
func (f *File) Save(n Notes) error {
	if err := localfs.Replace(f.fs(), f.Path, n.encode()); err != nil {
		return fmt.Errorf("note what garbage is known: %w", err)
	}
	return nil
}
