package object

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"postern/crypto"
)

// The few kinds of canonical CBOR (RFC 8949, 4.2.1) that nodes consist of, written and read by hand: a listing decodes
// a hundred thousand entries a second, too many for decoding, encoding again and comparing. Every number and length has
// its shortest form, and every length is definite; the reader rejects anything else, so one value has one encoding.

const (
	majorUint   = 0 << 5
	majorNegInt = 1 << 5
	majorBytes  = 2 << 5
	majorText   = 3 << 5
	majorArray  = 4 << 5
	cborFalse   = 0xf4
	cborTrue    = 0xf5
	null        = 0xf6
)

func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n <= math.MaxUint8:
		return append(b, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, major|27), n)
	}
}

func appendUint(b []byte, n uint64) []byte { return appendHead(b, majorUint, n) }

func appendInt(b []byte, n int64) []byte {
	if n < 0 {
		return appendHead(b, majorNegInt, ^uint64(n)) // -1-n
	}
	return appendHead(b, majorUint, uint64(n))
}

func appendBytes(b, v []byte) []byte { return append(appendHead(b, majorBytes, uint64(len(v))), v...) }

func appendText(b []byte, s string) []byte {
	return append(appendHead(b, majorText, uint64(len(s))), s...)
}

func appendArray(b []byte, n int) []byte { return appendHead(b, majorArray, uint64(n)) }

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, cborTrue)
	}
	return append(b, cborFalse)
}

// reader reads one encoding. It keeps the first error, and then returns zero values.
type reader struct {
	b   []byte // the unread rest
	at  Ref    // place of the node, to resolve references into its own blob; zero if it has none
	err error
}

func (r *reader) fail(format string, a ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", crypto.ErrFormat, fmt.Sprintf(format, a...))
		r.b = nil
	}
}

// head reads the start of an item: its major type and number, in the shortest form.
func (r *reader) head() (major byte, n uint64) {
	if len(r.b) == 0 {
		r.fail("cut short")
		return 0, 0
	}
	first := r.b[0]
	r.b = r.b[1:]
	major, n = first&0xe0, uint64(first&0x1f)
	if n < 24 {
		return major, n
	}
	if n > 27 {
		r.fail("an item of indefinite or reserved length")
		return 0, 0
	}
	size := 1 << (n - 24)
	if len(r.b) < size {
		r.fail("cut short")
		return 0, 0
	}
	switch size {
	case 1:
		n = uint64(r.b[0])
	case 2:
		n = uint64(binary.BigEndian.Uint16(r.b))
	case 4:
		n = uint64(binary.BigEndian.Uint32(r.b))
	default:
		n = binary.BigEndian.Uint64(r.b)
	}
	r.b = r.b[size:]
	if size == 1 && n < 24 || size > 1 && n>>(size*4) == 0 {
		r.fail("a number longer than it need be")
		return 0, 0
	}
	return major, n
}

func (r *reader) want(major byte, what string) uint64 {
	got, n := r.head()
	if r.err == nil && got != major {
		r.fail("no %s where one belongs", what)
	}
	if r.err != nil {
		return 0
	}
	return n
}

// uint reads a number of at most limit.
func (r *reader) uint(limit uint64) uint64 {
	n := r.want(majorUint, "number")
	if n > limit {
		r.fail("a number of %d beyond %d", n, limit)
		return 0
	}
	return n
}

// size reads a number of bytes or items.
func (r *reader) size() int64 { return int64(r.uint(math.MaxInt64)) }

func (r *reader) int() int64 {
	major, n := r.head()
	switch {
	case r.err != nil:
		return 0
	case major != majorUint && major != majorNegInt:
		r.fail("no number where one belongs")
		return 0
	case n > math.MaxInt64:
		r.fail("a number beyond 64 bits")
		return 0
	case major == majorNegInt:
		return int64(^n)
	}
	return int64(n)
}

// array reads the head of an array of at most limit items, each of which takes at least least bytes, so that a false
// head cannot make the caller allocate much more than was sent.
func (r *reader) array(limit, least int) int {
	n := r.want(majorArray, "array")
	if n > uint64(limit) || n > uint64(len(r.b)/least) {
		r.fail("an array of %d items, at most %d can be", n, min(limit, len(r.b)/least))
		return 0
	}
	return int(n)
}

// tuple reads the head of an array of exactly n items.
func (r *reader) tuple(n int) {
	if got := r.want(majorArray, "array"); r.err == nil && got != uint64(n) {
		r.fail("an array of %d items where %d belong", got, n)
	}
}

// raw reads a byte or text string of at most limit bytes, without a copy.
func (r *reader) raw(major byte, limit int) []byte {
	n := r.want(major, "string")
	if r.err != nil {
		return nil
	}
	if n > uint64(limit) || n > uint64(len(r.b)) {
		r.fail("a string of %d bytes, at most %d can be", n, min(limit, len(r.b)))
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

// fixed fills p with a byte string of exactly its length.
func (r *reader) fixed(p []byte) {
	v := r.raw(majorBytes, len(p))
	if r.err == nil && len(v) != len(p) {
		r.fail("%d bytes where %d belong", len(v), len(p))
	}
	copy(p, v)
}

// text reads a text string of at most limit bytes. If it equals like, text returns like instead of a copy.
func (r *reader) text(limit int, like string) string {
	v := r.raw(majorText, limit)
	if string(v) == like {
		return like
	}
	if !utf8.Valid(v) {
		r.fail("text that is not UTF-8")
		return ""
	}
	return string(v)
}

// null reads a null if one is next, and reports whether it did.
func (r *reader) null() bool {
	if len(r.b) == 0 || r.b[0] != null {
		return false
	}
	r.b = r.b[1:]
	return true
}

// bool reads true or false.
func (r *reader) bool() (v bool) {
	if len(r.b) == 0 || r.b[0] != cborFalse && r.b[0] != cborTrue {
		r.fail("neither true nor false")
		return false
	}
	v = r.b[0] == cborTrue
	r.b = r.b[1:]
	return v
}

// done ends reading: it returns an error if bytes are left.
func (r *reader) done() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d bytes too many", len(r.b))
	}
	return r.err
}
