package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc64"
	"io"
	"math/rand/v2"
)

// The first 32 bytes of a body identify it – magic, writer, number, length, checksum of these – and determine every
// following byte. So reading a body shows whether it is whole, and a mix of two is detected.
const (
	bodyMagic  = 0x706f737465726e31
	headerSize = 32
)

var table = crc64.MakeTable(crc64.ECMA)

// id identifies contents: the writer, and the number of contents that it wrote before. The zero id stands for none.
type id struct {
	Writer, Number uint32
}

func (c id) String() string { return fmt.Sprintf("w%d#%d", c.Writer, c.Number) }

// bodyOf returns the contents of an id. A size below the header's is raised to that.
func bodyOf(c id, size int) []byte {
	b := make([]byte, max(size, headerSize))
	binary.BigEndian.PutUint64(b, bodyMagic)
	binary.BigEndian.PutUint32(b[8:], c.Writer)
	binary.BigEndian.PutUint32(b[12:], c.Number)
	binary.BigEndian.PutUint64(b[16:], uint64(len(b)))
	binary.BigEndian.PutUint64(b[24:], crc64.Checksum(b[:24], table))
	var seed [32]byte
	copy(seed[:], b[:24])
	_, _ = io.ReadFull(rand.NewChaCha8(seed), b[headerSize:])
	return b
}

// readBody returns the id of b, and an error unless b is whole.
func readBody(b []byte) (id, error) {
	if len(b) < headerSize || binary.BigEndian.Uint64(b) != bodyMagic ||
		binary.BigEndian.Uint64(b[24:]) != crc64.Checksum(b[:24], table) {
		return id{}, fmt.Errorf("%d bytes that no worker wrote, beginning with %.40q", len(b), b)
	}
	c := id{binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:])}
	if n := binary.BigEndian.Uint64(b[16:]); n != uint64(len(b)) {
		return c, fmt.Errorf("%v has %d bytes and not %d", c, len(b), n)
	}
	if want := bodyOf(c, len(b)); !bytes.Equal(want, b) {
		at := 0
		for want[at] == b[at] {
			at++
		}
		return c, fmt.Errorf("%v is not whole: it differs from byte %d of %d on", c, at, len(b))
	}
	return c, nil
}
