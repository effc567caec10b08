package blockfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"

	"postern/cache/tier"
)

// A file is a header and the bytes of the block. Numbers are big-endian.
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

func header(k tier.Key, b tier.Block) []byte {
	h := make([]byte, 0, headerSize)
	h = append(h, headerMagic...)
	h = binary.BigEndian.AppendUint32(h, headerVersion)
	h = append(h, k.Blob[:]...)
	h = binary.BigEndian.AppendUint32(h, k.Index)
	h = binary.BigEndian.AppendUint64(h, uint64(b.Size))
	h = binary.BigEndian.AppendUint32(h, uint32(len(b.Data)))
	return binary.BigEndian.AppendUint32(h, crc32.Update(crc32.Checksum(h, table), table, b.Data))
}

// writeFile makes the file of a block under a name of its own, for the caller to rename.
func writeFile(path string, b tier.Entry) error {
	f, err := create(path)
	if errors.Is(err, fs.ErrExist) { // left by a crash or planted: it is removed and never written to
		if err = os.Remove(path); err == nil {
			f, err = create(path)
		}
	}
	if err != nil {
		return err
	}
	_, err = f.Write(header(b.Key, b.Block))
	if err == nil {
		_, err = f.Write(b.Data)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

func create(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// readFile reads a block back. errDamaged means that the file is not the one written for this key.
func readFile(path string, k tier.Key) (tier.Block, error) {
	// Opening a pipe would block. No other user can write to the home, so nothing replaces the file after this check.
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errDamaged
	}
	if err != nil {
		return tier.Block{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return tier.Block{}, err
	}
	defer f.Close()
	return parse(f, k)
}

// parse reads a file that should be the one of this key. It ignores bytes after the block.
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
