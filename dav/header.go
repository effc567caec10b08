package dav

import (
	"encoding/hex"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"postern/vfs"
)

// depth is the value of a Depth header (RFC 4918, 10.2).
type depth int

const (
	depthAbsent depth = iota
	depth0
	depth1
	depthInfinity
)

// partial reports whether the depth is less than a whole tree.
func (d depth) partial() bool { return d == depth0 || d == depth1 }

// parseDepth parses a Depth header, also with Exchange's ",noroot", which leaves out the folder itself.
func parseDepth(s string) (d depth, noRoot, ok bool) {
	s, noRoot = strings.CutSuffix(strings.ToLower(strings.TrimSpace(s)), ",noroot")
	switch strings.TrimSpace(s) {
	case "":
		return depthAbsent, noRoot, !noRoot
	case "0":
		return depth0, noRoot, true
	case "1":
		return depth1, noRoot, true
	case "infinity":
		return depthInfinity, noRoot, true
	}
	return 0, false, false
}

func (q *request) depth() (depth, error) {
	d, _, ok := parseDepth(q.r.Header.Get("Depth"))
	if !ok {
		return 0, fail(http.StatusBadRequest, "The Depth header must be 0, 1 or infinity.")
	}
	return d, nil
}

// overwrite parses the Overwrite header; a missing one means yes (RFC 4918, 10.6), and Finder relies on that.
func (q *request) overwrite() (bool, error) {
	switch strings.TrimSpace(q.r.Header.Get("Overwrite")) {
	case "", "T", "t":
		return true, nil
	case "F", "f":
		return false, nil
	}
	return false, fail(http.StatusBadRequest, "The Overwrite header must be T or F.")
}

// parseTimeout parses a Timeout header (RFC 4918, 10.7) and returns its first valid value. 0 means as long as possible.
func parseTimeout(s string) time.Duration {
	for wish := range strings.SplitSeq(s, ",") {
		wish = strings.TrimSpace(wish)
		if strings.EqualFold(wish, "Infinite") {
			return 0
		}
		if len(wish) <= len("Second-") || !strings.EqualFold(wish[:len("Second-")], "Second-") {
			continue
		}
		seconds, err := strconv.ParseUint(wish[len("Second-"):], 10, 63)
		if err != nil || seconds > math.MaxInt64/uint64(time.Second) {
			return 0
		}
		return time.Duration(seconds) * time.Second
	}
	return 0
}

// The range of times that clients may set: those that both RFC 1123 dates and ISO 8601 can express.
var (
	earliest = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	latest   = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
)

// parseUnix parses seconds since 1970, with an optional fraction: X-OC-Mtime and DAV:lastmodified. Numbers beyond the
// year 9999 are milliseconds, microseconds or nanoseconds.
func parseUnix(s string) (time.Time, bool) {
	whole, fraction, dot := strings.Cut(strings.TrimSpace(s), ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || strings.Trim(fraction, "0123456789") != "" {
		return time.Time{}, false
	}
	if seconds > latest {
		unixNano := func(n int64) time.Time { return time.Unix(0, n) }
		for _, from := range []func(int64) time.Time{time.UnixMilli, time.UnixMicro, unixNano} {
			if t := from(seconds).UTC(); t.Unix() <= latest {
				return t, true
			}
		}
	}
	if seconds <= earliest || seconds > latest {
		return time.Time{}, false
	}
	var nanos int64
	if dot {
		const digits = 9
		fraction = (fraction + strings.Repeat("0", digits))[:digits]
		n, err := strconv.ParseUint(fraction, 10, 32)
		if err != nil {
			return time.Time{}, false
		}
		nanos = int64(n)
	}
	if strings.HasPrefix(whole, "-") {
		nanos = -nanos
	}
	return time.Unix(seconds, nanos).UTC(), true
}

// dateForms are the formats of dates that clients are known to send besides HTTP's three. None has the name of a zone,
// since Go does not know the offsets of most names. Seconds may have a fraction in all of them.
var dateForms = []string{
	"Mon, 2 Jan 2006 15:04:05 Z0700", "2 Jan 2006 15:04:05 Z0700", "Mon, 2-Jan-2006 15:04:05 Z0700",
	"Mon Jan 2 15:04:05 Z0700 2006",
	time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04",
	"2006-01-02",
	"2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z0700", "2006-01-02 15:04:05", "20060102T150405Z0700",
	"20060102T150405",
}

// universal replaces the names of UTC in HTTP dates.
var universal = strings.NewReplacer(" GMT", " Z", " UTC", " Z", " UT", " Z")

// parseTime parses a date: an HTTP date, also with a day of one digit or UTC, ISO 8601, or Unix seconds.
func parseTime(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if t, err := http.ParseTime(s); err == nil {
		return inRange(t)
	}
	named := universal.Replace(s)
	for _, layout := range dateForms {
		if t, err := time.Parse(layout, named); err == nil {
			return inRange(t)
		}
	}
	return parseUnix(s)
}

func inRange(t time.Time) (time.Time, bool) {
	if t.Unix() <= earliest || t.Unix() > latest {
		return time.Time{}, false
	}
	return t.UTC(), true
}

// mtime returns the time that a client wants for a file that it uploads, copies or moves; zero without a valid one.
// Then the answer lacks "X-OC-Mtime: accepted", and the client knows that the time was not set.
func (q *request) mtime() time.Time {
	t, _ := parseUnix(q.r.Header.Get("X-OC-Mtime"))
	return t
}

// acceptMtime reports to the client that its X-OC-Mtime was applied; otherwise rclone sets the time again.
func (q *request) acceptMtime(t time.Time) {
	if !t.IsZero() {
		q.w.Header().Set("X-OC-Mtime", "accepted")
	}
}

// checksum is one algorithm and value of an OC-Checksum header or property.
type checksum struct{ algorithm, value string }

// parseChecksums parses "SHA1:… MD5:…", in any case, separated by spaces.
func parseChecksums(s string) []checksum {
	var sums []checksum
	for word := range strings.FieldsSeq(s) {
		if algorithm, value, ok := strings.Cut(word, ":"); ok {
			sums = append(sums, checksum{strings.ToUpper(algorithm), strings.ToLower(value)})
		}
	}
	return sums
}

// fits reports whether a checksum is right. One of an unknown algorithm is not.
func (c checksum) fits(sums vfs.Sums) bool {
	switch c.algorithm {
	case "MD5":
		return c.value == hex.EncodeToString(sums.MD5[:])
	case "SHA1", "SHA-1":
		return c.value == hex.EncodeToString(sums.SHA1[:])
	}
	return false
}
