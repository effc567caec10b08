package linkpage

import (
	"strconv"
	"testing"
)

// FuzzRange: a range that is accepted has one spelling but for leading zeros, and is within the bounds.
func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-0", "bytes=100-4195", "bytes=5-4", "bytes=0-", "bytes=-5", "bytes=0-1,5-6",
		"bytes=0-99999999", "bytes=+1-2", "bytes=1-+2", "bytes=0x1-0x2", "bytes=1_0-2_0", "byte=0-1", "0-1",
		"bytes=99999999999999999999-1", "bytes=007-8", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		off, n, ok := parseRange(s)
		if !ok {
			return
		}
		if off < 0 || n < 1 || n > maxRange {
			t.Errorf("%q is %d bytes from %d on", s, n, off)
		}
		again, m, ok := parseRange("bytes=" + strconv.FormatInt(off, 10) + "-" + strconv.FormatInt(off+int64(n)-1, 10))
		if !ok || again != off || m != n {
			t.Errorf("%q does not come back: %d bytes from %d on", s, m, again)
		}
	})
}
