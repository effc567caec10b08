package dav_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestRanges: a Range header follows RFC 9110, 14: it is ignored if it is malformed or of an unknown unit, clamped to
// the file, and answered 416 with the length if it lies past the end.
func TestRanges(t *testing.T) {
	const whole, huge = "0123456789", "99999999999999999999999999"
	for _, tt := range []struct {
		header string
		code   int
		body   string
		within string // Content-Range
	}{
		{"bytes=2-4", 206, "234", "bytes 2-4/10"},
		{"Bytes=2-4", 206, "234", "bytes 2-4/10"},
		{"BYTES=2-4", 206, "234", "bytes 2-4/10"},
		{"bytes= 2-4 ", 206, "234", "bytes 2-4/10"},
		{"bytes=,2-4,,", 206, "234", "bytes 2-4/10"},
		{"bytes=2-" + huge, 206, "23456789", "bytes 2-9/10"},
		{"bytes=0-9223372036854775807", 206, whole, "bytes 0-9/10"},
		{"bytes=-" + huge, 206, whole, "bytes 0-9/10"},
		{"bytes=-11", 206, whole, "bytes 0-9/10"},
		{"bytes=-3", 206, "789", "bytes 7-9/10"},
		{"bytes=9-", 206, "9", "bytes 9-9/10"},
		{"bytes=9-9, 10-20", 206, "9", "bytes 9-9/10"},
		{"bytes=-0, 3-3", 206, "3", "bytes 3-3/10"},
		{"bytes=10-", 416, "", "bytes */10"},
		{"bytes=10-10", 416, "", "bytes */10"},
		{"bytes=-0", 416, "", "bytes */10"},
		{"bytes=" + huge + "-", 416, "", "bytes */10"},
		{"bytes=" + huge + "-" + huge, 416, "", "bytes */10"},
		{"bytes=10-11,20-", 416, "", "bytes */10"},
		{"lines=2-4", 200, whole, ""},
		{"bytes", 200, whole, ""},
		{"bytes=", 200, whole, ""},
		{"bytes=,", 200, whole, ""},
		{"bytes=-", 200, whole, ""},
		{"bytes=4-2", 200, whole, ""},
		{"bytes=2-4,4-2", 200, whole, ""},
		{"bytes=a-b", 200, whole, ""},
		{"bytes=+2-4", 200, whole, ""},
		{"bytes=2--4", 200, whole, ""},
		{"bytes=0x2-4", 200, whole, ""},
		{"bytes=--4", 200, whole, ""},
		{"bytes=2", 200, whole, ""},
		{"2-4", 200, whole, ""},
		{"bytes=" + strings.Repeat("0-0,", 101), 200, whole, ""},
		{"bytes=0-9,0-9", 200, whole, ""}, // more than the whole
	} {
		d := newDrive(t)
		d.write("/files/f", whole)
		a := d.do("GET", "/files/f", "", "Range: "+tt.header).want(tt.code).with("Content-Range: " + tt.within)
		if tt.code != 416 && a.body != tt.body {
			t.Errorf("%s: %q, want %q", tt.header, a.body, tt.body)
		}
		d.do("HEAD", "/files/f", "", "Range: "+tt.header).want(200).with("Content-Range:", "Content-Length: 10")
		d.write("/files/empty", "")
		d.do("GET", "/files/empty", "", "Range: "+tt.header).want(200).with("Content-Range:", "Content-Length: 0")
		// A file that has changed is sent whole, whatever range is requested.
		a = d.do("GET", "/files/f", "", "Range: "+tt.header, `If-Range: "other"`).want(200).with("Content-Range:")
		if a.body != whole {
			t.Errorf("%s of another version: %q", tt.header, a.body)
		}
	}
}

// TestUnquotedETags: entity tags without their quotes count alike in every header and method.
func TestUnquotedETags(t *testing.T) {
	d := newDrive(t, "/files/f")
	etag := d.info("/files/f").ETag()
	bare := strings.Trim(etag, `"`)
	for _, tag := range []string{etag, bare, "x, " + bare, bare + `, "x"`, "*"} {
		d.do("GET", "/files/f", "", "If-None-Match: "+tag).want(304).with("Etag: "+etag, "Content-Length:", "Content-Type:")
		d.do("HEAD", "/files/f", "", "If-None-Match: "+tag).want(304)
		d.do("PUT", "/files/f", "x", "If-None-Match: "+tag).want(412)
		d.do("GET", "/files/f", "", "If-Match: "+tag).want(200)
		d.do("PROPPATCH", "/files/f", patch("<x:p>1</x:p>"), "If-Match: "+tag).want(207)
	}
	for _, tag := range []string{`"other"`, "other", "W/" + `"other"`, bare + "x"} {
		d.do("GET", "/files/f", "", "If-Match: "+tag).want(412)
		d.do("PUT", "/files/f", "x", "If-Match: "+tag).want(412)
		d.do("GET", "/files/f", "", "If-None-Match: "+tag).want(200)
		d.do("GET", "/files/f", "", "Range: bytes=0-0", "If-Range: "+tag).want(200)
	}
	for _, tag := range []string{etag, bare} {
		d.do("GET", "/files/f", "", "Range: bytes=0-0", "If-Range: "+tag).want(206)
		d.do("GET", "/files/f", "", "If-None-Match: W/"+etag).want(304)
		d.do("GET", "/files/f", "", "If-Match: W/"+etag).want(412)
		d.do("GET", "/files/f", "", "Range: bytes=0-0", "If-Range: W/"+etag).want(200)
	}
	d.do("PUT", "/files/f", "x", "If-Match: "+bare).want(204)
}

// TestLastModified: the header is never more than 2 s ahead of the answer, whatever time clients set and however fast
// they save; two saves differ; a conditional GET right after a save returns the file.
func TestLastModified(t *testing.T) {
	notAhead := func(d *drive, a *answer) time.Time {
		t.Helper()
		at, err := http.ParseTime(a.header.Get("Last-Modified"))
		if err != nil || at.After(d.now.Add(2*time.Second)) {
			t.Errorf("%s: Last-Modified %v (%v) at %v", a.what, at, err, d.now)
		}
		return at
	}
	t.Run("200 quick saves", func(t *testing.T) {
		d := newDrive(t)
		var last time.Time
		for i := range 200 {
			d.now = d.now.Add(time.Duration(i%7) * time.Millisecond)
			at := notAhead(d, d.do("PUT", "/files/f", fmt.Sprint(i)))
			if at.Equal(last) {
				t.Errorf("save %d has the date of the one before, %v", i, at)
			}
			last = at
			date := at.Format(http.TimeFormat)
			d.do("GET", "/files/f", "", "If-Modified-Since: "+date).want(200, fmt.Sprint(i))
		}
		date := last.Format(http.TimeFormat)
		d.now = d.now.Add(5 * time.Second)
		d.do("GET", "/files/f", "", "If-Modified-Since: "+date).want(304)
		d.do("GET", "/files/f", "", "If-Modified-Since: "+last.Add(time.Second).Format(http.TimeFormat)).want(200)
		d.do("GET", "/files/f", "", "If-Modified-Since: yesterday").want(200)
		d.do("GET", "/files/f", "", "If-Modified-Since: "+date, `If-None-Match: "other"`).want(200)
		d.do("GET", "/files/f", "", "If-None-Match: *", "If-Modified-Since: "+date).want(304)
	})
	for _, set := range []func(d *drive){
		func(d *drive) { d.do("PUT", "/files/f", "1", "X-OC-Mtime: 4085640000").want(204) },
		func(d *drive) {
			d.do("PROPPATCH", "/files/f", patch("<D:lastmodified>4085640000</D:lastmodified>")).want(207)
		},
		func(d *drive) {
			d.do("PROPPATCH", "/files/f",
				patch("<Z:Win32LastModifiedTime>Sat, 20 Jun 2099 12:00:00 GMT</Z:Win32LastModifiedTime>")).want(207)
		},
		func(d *drive) {
			d.do("COPY", "/files/g", "", "Destination: /files/f", "X-OC-Mtime: 4085640000").want(204)
		},
	} {
		t.Run("a time in 2099", func(t *testing.T) {
			d := newDrive(t, "/files/f", "/files/g")
			d.now = d.now.Add(time.Minute)
			set(d)
			// The property keeps the time that was set.
			d.do("PROPFIND", "/files/f", prop("D:getlastmodified"), "Depth: 0").want(207, "2099 12:00:00 GMT")
			for _, method := range []string{"GET", "HEAD"} {
				at := notAhead(d, d.do(method, "/files/f", ""))
				date := at.Format(http.TimeFormat)
				d.do(method, "/files/f", "", "If-Modified-Since: "+date).want(200)
				d.do("GET", "/files/f", "", "Range: bytes=0-0", "If-Range: "+date).want(200)
			}
			// The next save has its own time.
			d.now = d.now.Add(time.Minute)
			notAhead(d, d.do("PUT", "/files/f", "2").want(204))
			if at := d.info("/files/f").Modified; at.After(d.now.Add(2 * time.Second)) {
				t.Errorf("a later save is dated %v", at)
			}
		})
	}
	t.Run("an older version comes back", func(t *testing.T) {
		d := newDrive(t, "/files/f")
		date := d.info("/files/f").Modified.Format(http.TimeFormat)
		d.now = d.now.Add(time.Hour)
		d.do("PUT", "/files/f", "older", "X-OC-Mtime: 1000000000").want(204)
		d.do("GET", "/files/f", "", "If-Modified-Since: "+date).want(200, "older")
	})
}
