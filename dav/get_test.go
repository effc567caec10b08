package dav_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"postern/dav"
	"postern/vfs"
)

func TestGet(t *testing.T) {
	d := newDrive(t)
	d.write("/files/f.txt", "0123456789")
	d.now = d.now.Add(3 * time.Second)
	info := d.info("/files/f.txt")
	etag, date := info.ETag(), info.Modified.Format(http.TimeFormat)
	earlier := info.Modified.Add(-time.Hour).Format(http.TimeFormat)
	tests := []struct {
		name    string
		headers []string
		code    int
		body    string
	}{
		{"whole", nil, 200, "0123456789"},
		{"range", []string{"Range: bytes=2-4"}, 206, "234"},
		{"suffix", []string{"Range: bytes=-3"}, 206, "789"},
		{"open end", []string{"Range: bytes=8-"}, 206, "89"},
		{"beyond", []string{"Range: bytes=10-"}, 416, ""},
		{"if-range etag", []string{"Range: bytes=2-4", "If-Range: " + etag}, 206, "234"},
		{"if-range other", []string{"Range: bytes=2-4", `If-Range: "other"`}, 200, "0123456789"},
		{"if-range date", []string{"Range: bytes=2-4", "If-Range: " + date}, 206, "234"},
		{"if-range old date", []string{"Range: bytes=2-4", "If-Range: " + earlier}, 200, "0123456789"},
		{"none-match", []string{"If-None-Match: " + etag}, 304, ""},
		{"none-match other", []string{`If-None-Match: "other"`}, 200, "0123456789"},
		{"modified since", []string{"If-Modified-Since: " + earlier}, 200, "0123456789"},
		{"not modified since", []string{"If-Modified-Since: " + date}, 304, ""},
		{"match", []string{"If-Match: " + etag}, 200, "0123456789"},
		{"match other", []string{`If-Match: "other"`}, 412, ""},
		{"unmodified since", []string{"If-Unmodified-Since: " + earlier}, 412, ""},
		{"If", []string{"If: ([" + etag + "])"}, 200, "0123456789"},
		{"If other", []string{`If: (["other"])`}, 412, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d.t = t
			a := d.do("GET", "/files/f.txt", "", tt.headers...).want(tt.code)
			if tt.body != "" && a.body != tt.body {
				t.Errorf("body %q, want %q", a.body, tt.body)
			}
			if tt.code < 300 {
				a.with("ETag: "+etag, "Last-Modified: "+date, "Accept-Ranges: bytes", "X-Content-Type-Options: nosniff")
				if !strings.HasPrefix(a.header.Get("Content-Security-Policy"), "sandbox") {
					t.Error("a file is served without a sandbox")
				}
			}
			h := d.do("HEAD", "/files/f.txt", "", tt.headers...)
			if a.code == 206 || a.code == 416 { // ranges are for GET alone
				h.want(200).with("Content-Length: 10", "Content-Range:")
				return
			}
			if h.code != a.code || h.body != "" && tt.code < 400 ||
				tt.code < 300 && h.header.Get("Content-Length") != a.header.Get("Content-Length") {
				t.Errorf("HEAD differs: %d %v", h.code, h.header)
			}
		})
	}
}

func TestGetManyRanges(t *testing.T) {
	d := newDrive(t)
	d.write("/files/f.txt", "0123456789")
	a := d.do("GET", "/files/f.txt", "", "Range: bytes=0-1,8-9").want(206, "Content-Range: bytes 0-1/10",
		"Content-Range: bytes 8-9/10")
	if !strings.HasPrefix(a.header.Get("Content-Type"), "multipart/byteranges") {
		t.Errorf("type %q", a.header.Get("Content-Type"))
	}
}

func TestGetMissing(t *testing.T) {
	d := newDrive(t, "/files/f")
	for _, target := range []string{"/no", "/files/no", "/files/f/x", "/files/no/x"} {
		d.do("GET", target, "").want(404)
		d.do("HEAD", target, "").want(404)
	}
	d.do("GET", "/files/a%2Fb", "").want(400)
}

// countedFS counts how files are read.
type countedFS struct {
	vfs.FS
	reads, writes int
}

func (c *countedFS) Open(ctx context.Context, path string) (vfs.File, error) {
	f, err := c.FS.Open(ctx, path)
	return countedFile{f, c}, err
}

type countedFile struct {
	vfs.File
	c *countedFS
}

func (f countedFile) Read(p []byte) (int, error) {
	f.c.reads++
	return f.File.Read(p)
}

func (f countedFile) WriteNTo(w io.Writer, n int64) (int64, error) {
	f.c.writes++
	return f.File.WriteNTo(w, n)
}

// TestGetTakesNoDetour: a body goes from the file to the connection by WriteNTo, not through a buffer; HEAD reads
// nothing.
func TestGetTakesNoDetour(t *testing.T) {
	d := newDrive(t)
	d.write("/files/f", strings.Repeat("x", 100_000))
	counted := &countedFS{FS: d.fs}
	h, err := dav.New(counted, dav.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	for _, headers := range []http.Header{{}, {"Range": {"bytes=5-99998"}}} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/files/f", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = headers
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err != nil || n != resp.ContentLength {
			t.Errorf("%d bytes of %d: %v", n, resp.ContentLength, err)
		}
		resp.Body.Close()
	}
	if resp, err := server.Client().Head(server.URL + "/files/f"); err != nil || resp.ContentLength != 100_000 {
		t.Errorf("HEAD: %v %v", resp, err)
	}
	if counted.reads != 0 || counted.writes != 2 {
		t.Errorf("%d reads and %d writes, want 0 and 2", counted.reads, counted.writes)
	}
}

// TestGetFaults: before the first byte a fault is an answer; after it the connection breaks, so that no
// client takes a part for the whole.
func TestGetFaults(t *testing.T) {
	d := newDrive(t, "/files/f")
	d.fail = func(op, p string) error {
		if op == "read" {
			return &vfs.Error{Op: op, Path: p, Kind: vfs.ErrCorrupt}
		}
		return nil
	}
	d.do("GET", "/files/f", "").want(502).with("ETag:", "Content-Range:", "Last-Modified:")

	h, err := dav.New(&breakingFS{d.fs}, dav.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d.fail = nil
	server := httptest.NewServer(h)
	defer server.Close()
	resp, err := server.Client().Get(server.URL + "/files/f")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err == nil || resp.StatusCode != 200 {
		t.Errorf("a file cut short looks whole (%d)", resp.StatusCode)
	}
}

type breakingFS struct{ vfs.FS }

func (b *breakingFS) Open(ctx context.Context, path string) (vfs.File, error) {
	f, err := b.FS.Open(ctx, path)
	return breakingFile{f}, err
}

type breakingFile struct{ vfs.File }

func (f breakingFile) WriteNTo(w io.Writer, _ int64) (int64, error) {
	n, err := io.WriteString(w, "half")
	if err == nil {
		err = vfs.ErrCorrupt
	}
	return int64(n), err
}
