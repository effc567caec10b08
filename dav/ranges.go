package dav

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"postern/vfs"
)

// maxRanges bounds the parts of one answer; a request for more gets the whole file.
const maxRanges = 100

// byteSpan is a range of a file, both ends included.
type byteSpan struct{ first, last int64 }

func (s byteSpan) size() int64 { return s.last - s.first + 1 }

// String is the span as Content-Range has it.
func (s byteSpan) String() string {
	return strconv.FormatInt(s.first, 10) + "-" + strconv.FormatInt(s.last, 10)
}

// parseRange reads a Range header as RFC 9110, 14, means it, and returns the ranges that can be satisfied. ok is false
// when the header is to be ignored, as an unknown unit, a malformed header, and any range of an empty file are.
func parseRange(header string, size int64) (kept []byteSpan, ok bool) {
	unit, set, ok := strings.Cut(header, "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(unit), "bytes") || size == 0 {
		return nil, false
	}
	seen := 0
	for spec := range strings.SplitSeq(set, ",") {
		if spec = strings.Trim(spec, " \t"); spec == "" {
			continue
		}
		first, last, ok := byteRange(spec, size)
		if seen++; !ok || seen > maxRanges {
			return nil, false
		}
		if first <= last {
			kept = append(kept, byteSpan{first, last})
		}
	}
	return kept, seen > 0
}

// satisfiable is a Range header that net/http understands as these ranges of a file; of none, one that it answers with
// 416.
func satisfiable(ranges []byteSpan, size int64) string {
	if len(ranges) == 0 {
		return "bytes=" + strconv.FormatInt(size, 10) + "-"
	}
	kept := make([]string, len(ranges))
	for i, r := range ranges {
		kept[i] = r.String()
	}
	return "bytes=" + strings.Join(kept, ",")
}

// byteRange parses one range and clamps it to the file. first is after last if the range is valid but cannot be
// satisfied.
func byteRange(spec string, size int64) (first, last int64, ok bool) {
	from, to, ok := strings.Cut(spec, "-")
	if !ok {
		return 0, 0, false
	}
	if from == "" {
		n, ok := position(to)
		return max(size-n, 0), size - 1, ok // if n is 0, first is size
	}
	if first, ok = position(from); !ok {
		return 0, 0, false
	}
	last = math.MaxInt64
	if to != "" {
		if last, ok = position(to); !ok || last < first {
			return 0, 0, false
		}
	}
	return first, min(last, size-1), true
}

// position parses digits; larger numbers become the largest size of a file.
func position(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		n = math.MaxInt64
	}
	return n, true
}

// ranges returns the ranges of a file that a GET asks for, and whether it asks for any. Ranges are for GET alone (RFC
// 9110, 14.2).
func (q *request) ranges(info vfs.Info) (ranges []byteSpan, asked bool) {
	header := q.r.Header.Get("Range")
	if q.r.Method != http.MethodGet || header == "" || !q.sameVersion(info) {
		return nil, false
	}
	return parseRange(header, info.Size)
}

// ranged prepares a GET or HEAD for http.ServeContent: it removes the conditions, which were checked already, and
// leaves only the ranges to send. Ranges are for GET alone (RFC 9110, 14.2).
func (q *request) ranged(ranges []byteSpan, size int64) *http.Request {
	r := q.r.Clone(q.ctx())
	for _, name := range []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"} {
		r.Header.Del(name)
	}
	r.Header.Set("Range", satisfiable(ranges, size))
	return r
}

// sameVersion reports whether the file is the version that If-Range names, by its entity tag or its date (RFC 9110,
// 13.1.5).
func (q *request) sameVersion(info vfs.Info) bool {
	version := strings.TrimSpace(q.r.Header.Get("If-Range"))
	if version == "" {
		return true
	}
	if since, err := http.ParseTime(version); err == nil {
		return since.Equal(info.Modified.Truncate(time.Second)) && !q.h.ahead(info)
	}
	return version != "*" && !strings.Contains(version, ",") &&
		matches([]string{version}, state{Info: info, exists: true}, true)
}

// maxAhead is how far Last-Modified may be ahead of Date: the drive itself dates a save ahead by that much, so that two
// saves within a second differ.
const maxAhead = 2 * time.Second

// ahead reports whether a file's time is in the future, as only clients set it.
func (h *Handler) ahead(info vfs.Info) bool {
	return info.Modified.Truncate(time.Second).After(h.o.Clock().Truncate(time.Second).Add(maxAhead))
}

// lastModified returns the value of Last-Modified: a time in the future is replaced by that of the answer (RFC 9110,
// 8.8.2.1). The property keeps the original time.
func (h *Handler) lastModified(info vfs.Info) string {
	at := info.Modified
	if h.ahead(info) {
		at = h.o.Clock()
	}
	return at.UTC().Format(http.TimeFormat)
}

// date returns the date of a header; false: there is none, or none that is valid. To parse an empty one would cost
// three errors.
func date(h http.Header, name string) (time.Time, bool) {
	text := h.Get(name)
	if text == "" {
		return time.Time{}, false
	}
	at, err := http.ParseTime(text)
	return at, err == nil
}

// unmodified evaluates If-Modified-Since. Only the exact date of the last answer counts, since a later version may have
// an earlier date: clients set dates. A file saved within maxAhead counts as modified: there may have been two saves in
// a second.
func (q *request) unmodified(info vfs.Info) bool {
	since, ok := date(q.r.Header, "If-Modified-Since")
	if !ok {
		return false
	}
	settled := q.h.o.Clock().Sub(info.Modified.Truncate(time.Second)) > maxAhead
	return settled && since.Equal(info.Modified.Truncate(time.Second))
}
