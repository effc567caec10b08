package blockfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"

	"postern/cache/tier"
	"postern/crypto"
)

// A file is a sequence of blocks, each a header and its bytes. Of two blocks with one index, the later one counts.
// Numbers are big-endian.
//
//	0  4  "PBLK"
//	4  4  version, 1
//	8  32 the blob's name
//	40 4  index of the block
//	44 8  bytes of the whole blob, 0: not known
//	52 4  bytes of the block
//	56 4  CRC-32C of all else
const (
	headerSize    = 60
	headerMagic   = "PBLK"
	headerVersion = 1
	offSum        = headerSize - 4
)

var errDamaged = errors.New("damaged")

// table is Castagnoli's polynomial, which processors compute in hardware. 32 bits are enough against accidents: a
// damaged block with the right checksum fails the seal inside and is then fetched anew.
var table = crc32.MakeTable(crc32.Castagnoli)

// prefix returns the part of a header that all blocks of a blob share.
func prefix(name crypto.BlobName) []byte {
	h := make([]byte, 0, headerSize)
	h = append(h, headerMagic...)
	h = binary.BigEndian.AppendUint32(h, headerVersion)
	return append(h, name[:]...)
}

func header(k tier.Key, b tier.Block) []byte {
	h := prefix(k.Blob)
	h = binary.BigEndian.AppendUint32(h, k.Index)
	h = binary.BigEndian.AppendUint64(h, uint64(b.Size))
	h = binary.BigEndian.AppendUint32(h, uint32(len(b.Data)))
	return binary.BigEndian.AppendUint32(h, crc32.Update(crc32.Checksum(h, table), table, b.Data))
}

// writeBlock writes a block at an offset of its blob's file.
func writeBlock(f *os.File, off int64, b tier.Entry) error {
	h := header(b.Key, b.Block)
	if _, err := f.WriteAt(h, off); err != nil {
		return err
	}
	_, err := f.WriteAt(b.Data, off+int64(len(h)))
	return err
}

// create makes the file of a blob. One that is there, left by another start or planted, is removed and never written
// to.
func create(path string) (*os.File, error) {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, fs.ErrExist) {
		if err = os.Remove(path); err == nil {
			f, err = os.OpenFile(path, flags, 0o600)
		}
	}
	return f, err
}

// openFile opens the file of a blob. errDamaged means that something else lies there: opening a pipe would block, and
// writing to a file with another name would change that. No other user can write to the home, so nothing replaces the
// file after this check.
func openFile(path string, flags int) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || names(info) > 1 {
		return nil, fmt.Errorf("%w: it is no file of its own", errDamaged)
	}
	return os.OpenFile(path, flags, 0)
}

// readBlock reads a block back. errDamaged means that it is not the one written for this key.
func readBlock(f io.ReaderAt, at record, k tier.Key) (tier.Block, error) {
	return parse(io.NewSectionReader(f, at.off, int64(at.n)), k)
}

// blocksIn finds the blocks in a file of a blob, up to the first place where none begins. It reads their headers only.
func blocksIn(f io.ReaderAt, name crypto.BlobName, length int64) *blob {
	b := &blob{blocks: map[uint32]record{}}
	var h [headerSize]byte
	for b.size+headerSize <= length {
		if _, err := f.ReadAt(h[:], b.size); err != nil {
			break
		}
		n, index := headerSize+int64(binary.BigEndian.Uint32(h[52:])), binary.BigEndian.Uint32(h[40:])
		if !bytes.Equal(h[:40], prefix(name)) || index > tier.MaxIndex || n > headerSize+tier.MaxBlock ||
			b.size+n > length {
			break
		}
		if old, ok := b.blocks[index]; ok {
			b.dead += int64(old.n)
		}
		b.blocks[index] = record{off: b.size, n: int(n)}
		b.size += n
	}
	return b
}

// parse reads a block that should be the one of this key. It ignores bytes after it.
func parse(r io.Reader, k tier.Key) (tier.Block, error) {
	var h [headerSize]byte
	if err := fill(r, h[:]); err != nil {
		return tier.Block{}, err
	}
	n := binary.BigEndian.Uint32(h[52:])
	size := int64(binary.BigEndian.Uint64(h[44:]))
	if n > tier.MaxBlock || size < 0 {
		return tier.Block{}, fmt.Errorf("%w: its lengths make no sense", errDamaged)
	}
	b := tier.Block{Data: make([]byte, n), Size: size}
	if err := fill(r, b.Data); err != nil {
		return tier.Block{}, err
	}
	if want := header(k, b); string(want) != string(h[:]) {
		return tier.Block{}, fmt.Errorf("%w: the checksum or the key is another", errDamaged)
	}
	return b, nil
}

// fill reads all of p; a file that ends before is damaged.
func fill(r io.Reader, p []byte) error {
	_, err := io.ReadFull(r, p)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: it is cut short", errDamaged)
	}
	return err
}
