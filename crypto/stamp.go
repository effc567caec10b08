package crypto

import (
	"encoding/binary"
	"math/bits"
)

// A try at a stamp changes the last 8 bytes of a letter only. So the search hashes the rest once, and three blocks for
// each try instead of 67. It needs the inner function of BLAKE3, which libraries don't offer; TestStampIsBLAKE3
// compares it with theirs.

// The constants of BLAKE3 that hash a letter: four chunks of 1024 bytes, in blocks of 64.
const (
	blakeBlock  = 64
	blakeChunk  = 1024
	blakeStart  = 1 << 0 // flags
	blakeEnd    = 1 << 1
	blakeParent = 1 << 2
	blakeRoot   = 1 << 3
)

// blakeIV is the initial chaining value of BLAKE3.
var blakeIV = [8]uint32{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}

// Stamp searches the next tries candidates for the stamp of a letter, and reports whether it was found. It takes about
// a million tries, or half a second; the next call continues where this one ended.
func (l *Letter) Stamp(tries int) bool {
	s := newStamper(l)
	stamp := binary.BigEndian.Uint64(l[letterOffStamp:])
	for range tries {
		if s.stamped(stamp) {
			break
		}
		stamp++
	}
	binary.BigEndian.PutUint64(l[letterOffStamp:], stamp)
	return l.Stamped()
}

// stamper holds what all tries at one letter have in common.
type stamper struct {
	left, third, last [8]uint32  // the first two chunks, the third, and all but the last block of the fourth
	block             [16]uint32 // the last block
}

func newStamper(l *Letter) *stamper {
	s := &stamper{third: chunk(l, 2, blakeChunk/blakeBlock), last: chunk(l, 3, blakeChunk/blakeBlock-1)}
	s.left = parent(chunk(l, 0, blakeChunk/blakeBlock), chunk(l, 1, blakeChunk/blakeBlock), 0)
	s.block = words(l[LetterSize-blakeBlock:])
	return s
}

// stamped reports whether the letter has its stamp with these last bytes.
func (s *stamper) stamped(stamp uint64) bool {
	s.block[14] = bits.ReverseBytes32(uint32(stamp >> 32))
	s.block[15] = bits.ReverseBytes32(uint32(stamp))
	last := compress(&s.last, &s.block, 3, blakeEnd)
	root := parent(s.left, parent(s.third, last, 0), blakeRoot)
	return bits.ReverseBytes32(root[0])>>(32-StampBits) == 0
}

// chunk returns the chaining value after the first blocks of a chunk of a letter.
func chunk(l *Letter, number, blocks int) [8]uint32 {
	cv := blakeIV
	for i := range blocks {
		var flags uint32
		if i == 0 {
			flags |= blakeStart
		}
		if i == blakeChunk/blakeBlock-1 {
			flags |= blakeEnd
		}
		block := words(l[number*blakeChunk+i*blakeBlock:])
		cv = compress(&cv, &block, uint32(number), flags)
	}
	return cv
}

// parent returns the chaining value of two halves.
func parent(left, right [8]uint32, flags uint32) [8]uint32 {
	var block [16]uint32
	copy(block[:8], left[:])
	copy(block[8:], right[:])
	return compress(&blakeIV, &block, 0, blakeParent|flags)
}

// words returns the first block of b.
func words(b []byte) (block [16]uint32) {
	for i := range block {
		block[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return block
}

// compress is the inner function of BLAKE3 for a whole block, §2.2 of its paper.
func compress(cv *[8]uint32, block *[16]uint32, counter, flags uint32) [8]uint32 {
	m := *block
	v0, v1, v2, v3, v4, v5, v6, v7 := cv[0], cv[1], cv[2], cv[3], cv[4], cv[5], cv[6], cv[7]
	v8, v9, v10, v11 := blakeIV[0], blakeIV[1], blakeIV[2], blakeIV[3]
	v12, v13, v14, v15 := counter, uint32(0), uint32(blakeBlock), flags
	for range 7 {
		v0, v4, v8, v12 = mix(v0, v4, v8, v12, m[0], m[1])
		v1, v5, v9, v13 = mix(v1, v5, v9, v13, m[2], m[3])
		v2, v6, v10, v14 = mix(v2, v6, v10, v14, m[4], m[5])
		v3, v7, v11, v15 = mix(v3, v7, v11, v15, m[6], m[7])
		v0, v5, v10, v15 = mix(v0, v5, v10, v15, m[8], m[9])
		v1, v6, v11, v12 = mix(v1, v6, v11, v12, m[10], m[11])
		v2, v7, v8, v13 = mix(v2, v7, v8, v13, m[12], m[13])
		v3, v4, v9, v14 = mix(v3, v4, v9, v14, m[14], m[15])
		m = [16]uint32{m[2], m[6], m[3], m[10], m[7], m[0], m[4], m[13], m[1], m[11], m[12], m[5], m[9], m[14], m[15], m[8]}
	}
	return [8]uint32{v0 ^ v8, v1 ^ v9, v2 ^ v10, v3 ^ v11, v4 ^ v12, v5 ^ v13, v6 ^ v14, v7 ^ v15}
}

// mix is the function G of BLAKE3.
func mix(a, b, c, d, x, y uint32) (uint32, uint32, uint32, uint32) {
	a += b + x
	d = bits.RotateLeft32(d^a, -16)
	c += d
	b = bits.RotateLeft32(b^c, -12)
	a += b + y
	d = bits.RotateLeft32(d^a, -8)
	c += d
	b = bits.RotateLeft32(b^c, -7)
	return a, b, c, d
}
