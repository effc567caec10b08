package dav_test

import (
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/dav"
	"postern/vfs"
)

func TestPutMakesAndReplaces(t *testing.T) {
	d := newDrive(t)
	a := d.do("PUT", "/files/a.txt", "one").want(201)
	info := d.info("/files/a.txt")
	a.with("ETag: "+info.ETag(), "OC-ETag: "+info.ETag(), "Last-Modified: "+info.Modified.Format(http.TimeFormat),
		"X-OC-Mtime:")
	b := d.do("PUT", "/files/a.txt", "two").want(204)
	if a.header.Get("ETag") == b.header.Get("ETag") || a.header.Get("Last-Modified") == b.header.Get("Last-Modified") {
		t.Error("a new version has the old ETag or Last-Modified")
	}
	d.holds("/files/a.txt", "two")
}

func TestPutRefusals(t *testing.T) {
	sum := func(h []byte) string { return hex.EncodeToString(h) }
	md := md5.Sum([]byte("new"))
	sh := sha1.Sum([]byte("new"))
	tests := []struct {
		name, target string
		headers      []string
		code         int
	}{
		{"plain", "/files/f", nil, 204},
		{"no parent", "/files/no/f", nil, 409},
		{"parent is a file", "/files/f/g", nil, 409},
		{"over a folder", "/files/dir", nil, 405},
		{"slash", "/files/new/", nil, 405},
		{"read-only root", "/f", nil, 403},
		{"content range", "/files/f", []string{"Content-Range: bytes 0-2/10"}, 400},
		{"none-match star", "/files/f", []string{"If-None-Match: *"}, 412},
		{"none-match star, new", "/files/n", []string{"If-None-Match: *"}, 201},
		{"match star", "/files/f", []string{"If-Match: *"}, 204},
		{"match star, new", "/files/n", []string{"If-Match: *"}, 412},
		{"match other", "/files/f", []string{`If-Match: "other"`}, 412},
		{"match weak", "/files/f", []string{"If-Match: W/ETAG"}, 412},
		{"match", "/files/f", []string{`If-Match: "other", ETAG`}, 204},
		{"match without quotes", "/files/f", []string{"If-Match: BARE"}, 204},
		{"none-match", "/files/f", []string{"If-None-Match: W/ETAG"}, 412},
		{"unmodified", "/files/f", []string{"If-Unmodified-Since: " + start.Format(http.TimeFormat)}, 204},
		{"modified since", "/files/f", []string{"If-Unmodified-Since: " + start.Add(-time.Second).Format(http.TimeFormat)},
			412},
		{"match wins over date", "/files/f",
			[]string{"If-Match: ETAG", "If-Unmodified-Since: " + start.Add(-time.Hour).Format(http.TimeFormat)}, 204},
		{"if etag", "/files/f", []string{"If: ([ETAG])"}, 204},
		{"if other etag", "/files/f", []string{`If: (["other"])`}, 412},
		{"packed", "/files/f", []string{"Content-Encoding: gzip"}, 415},
		{"not packed", "/files/f", []string{"Content-Encoding: identity"}, 204},
		{"if malformed", "/files/f", []string{"If: (["}, 400},
		{"length", "/files/f", []string{"X-Expected-Entity-Length: 3"}, 204},
		{"too short", "/files/f", []string{"X-Expected-Entity-Length: 4"}, 400},
		{"too long", "/files/f", []string{"X-Expected-Entity-Length: 2"}, 400},
		{"md5", "/files/f", []string{"OC-Checksum: MD5:" + sum(md[:])}, 204},
		{"sha1", "/files/f", []string{"OC-Checksum: SHA1:" + strings.ToUpper(sum(sh[:]))}, 204},
		{"bad md5", "/files/f", []string{"OC-Checksum: MD5:" + sum(sh[:])}, 400},
		{"bad sha1 after good md5", "/files/f", []string{"OC-Checksum: MD5:" + sum(md[:]) + " SHA1:00"}, 400},
		{"adler", "/files/f", []string{"OC-Checksum: ADLER32:00"}, 400},
		{"unknown checksum", "/files/f", []string{"OC-Checksum: CRC64:0000000000000000"}, 400},
		{"unknown checksum in a property's header", "/files/f", []string{"Repr-Digest: id-crc32c=:AAAAAA==:"}, 400},
		{"checksum without algorithm", "/files/f", []string{"OC-Checksum: abcdef"}, 400},
		{"chunk", "/files/f", []string{"OC-Chunked: 1"}, 400},
		{"bad Content-MD5", "/files/f", []string{"Content-MD5: AAAAAAAAAAAAAAAAAAAAAA=="}, 400},
		{"no Content-MD5", "/files/f", []string{"Content-MD5: %%"}, 400},
		{"bad Repr-Digest", "/files/f", []string{"Repr-Digest: sha-256=:AAAA:"}, 400},
		{"bad Content-Digest", "/files/f", []string{"Content-Digest: sha-512=:AAAA:"}, 400},
		{"bad Digest", "/files/f", []string{"Digest: SHA-256=AAAA"}, 400},
		{"long name", "/files/" + strings.Repeat("x", vfs.MaxName+1), nil, 414},
		{"escaped slash", "/files/a%2Fb", nil, 400},
		{"not UTF-8", "/files/a%ff", nil, 201},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDrive(t, "/files/f", "/files/dir/")
			etag := d.info("/files/f").ETag()
			var headers []string
			for _, h := range tt.headers {
				headers = append(headers, strings.NewReplacer("ETAG", etag, "BARE", strings.Trim(etag, `"`)).Replace(h))
			}
			d.do("PUT", tt.target, "new", headers...).want(tt.code)
			if tt.code >= 300 {
				d.holds("/files/f", "/files/f", "/files/dir", "/", "/files/n", "-", "/files/new", "-")
			}
		})
	}
}

// cut is a body that breaks off.
type cut struct{ r io.Reader }

func (c cut) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestPutBrokenOffLeavesNoTrace(t *testing.T) {
	d := newDrive(t, "/files/f")
	for _, target := range []string{"/files/f", "/files/n"} {
		d.send(d.request("PUT", target, cut{strings.NewReader("half")})).want(400)
	}
	short := d.request("PUT", "/files/f", strings.NewReader("half"))
	short.ContentLength = 8
	d.send(short).want(400)
	d.holds("/files/f", "/files/f", "/files/n", "-")
}

func TestPutFullDrive(t *testing.T) {
	d := newDriveWith(t, dav.Options{}, 10, "/files/f")
	d.do("PUT", "/files/big", "01234567890").want(507, "<D:quota-not-exceeded/>")
	// Without a length it is detected while the body arrives; Finder's own header has the length before.
	d.send(d.request("PUT", "/files/big", io.MultiReader(strings.NewReader("01234567890")))).want(507,
		"<D:quota-not-exceeded/>")
	d.send(d.request("PUT", "/files/big", io.MultiReader(strings.NewReader("0")),
		"X-Expected-Entity-Length: 11")).want(507)
	d.holds("/files/big", "-", "/files/f", "/files/f")
}

func TestPutMtime(t *testing.T) {
	for _, tt := range []struct {
		header string
		want   time.Time
	}{
		{"1234567890", time.Unix(1234567890, 0)},
		{"1234567890.25", time.Unix(1234567890, 250e6)},
		{"-5", time.Unix(-5, 0)},
	} {
		d := newDrive(t)
		d.do("PUT", "/files/a", "x", "X-OC-Mtime: "+tt.header).want(201).with("X-OC-Mtime: accepted",
			"Last-Modified: "+tt.want.UTC().Format(http.TimeFormat))
		if got := d.info("/files/a").Modified; !got.Equal(tt.want) {
			t.Errorf("%s: %v", tt.header, got)
		}
	}
	d := newDrive(t)
	d.do("PUT", "/files/a", "x", "X-OC-Mtime: yesterday").want(201).with("X-OC-Mtime:")
}

func TestPutContentType(t *testing.T) {
	d := newDrive(t)
	d.do("PUT", "/files/a.html", "x", "Content-Type: application/octet-stream").want(201)
	d.do("PUT", "/files/b", "x", "Content-Type: text/x-special; charset=utf-8").want(201)
	if got := d.info("/files/a.html").ContentType; !strings.HasPrefix(got, "text/html") {
		t.Errorf("an unknown type replaced that of the name: %q", got)
	}
	if got := d.info("/files/b").ContentType; got != "text/x-special; charset=utf-8" {
		t.Errorf("the client's type: %q", got)
	}
}

// TestPutIsCheckedAgainAtItsEnd: another client changes the file between the check at the beginning and the commit.
func TestPutIsCheckedAgainAtItsEnd(t *testing.T) {
	d := newDrive(t, "/files/f")
	etag := d.info("/files/f").ETag()
	between := func(do func()) io.Reader {
		return io.MultiReader(strings.NewReader("la"), readerFunc(func() { do() }), strings.NewReader("te"))
	}
	d.send(d.request("PUT", "/files/f", between(func() { d.write("/files/f", "other") }), "If-Match: "+etag)).want(412)
	d.holds("/files/f", "other")
	d.send(d.request("PUT", "/files/f", between(func() { d.lock("/files/f") }))).want(423, "lock-token-submitted")
	d.holds("/files/f", "other")
	d.send(d.request("PUT", "/files/g", between(func() { d.write("/files/g", "first") }), "If-None-Match: *")).want(412)
	d.holds("/files/g", "first")
}

type readerFunc func()

func (f readerFunc) Read([]byte) (int, error) {
	f()
	return 0, io.EOF
}

// TestWritersDoNotRefuseEachOther: without a lock the later PUT wins, and neither sees 423.
func TestWritersDoNotRefuseEachOther(t *testing.T) {
	d := newDrive(t, "/files/f")
	slow := io.MultiReader(strings.NewReader("sl"), readerFunc(func() {
		d.do("PUT", "/files/f", "quick").want(204)
		d.do("PROPPATCH", "/files/f", patch("<x:p>1</x:p>")).want(207)
	}), strings.NewReader("ow"))
	d.send(d.request("PUT", "/files/f", slow)).want(204)
	d.holds("/files/f", "slow")
}

// TestGuardKeepsTheOldVersion: the DELETE that rclone sends after a failed upload is refused once, with the reason.
func TestGuardKeepsTheOldVersion(t *testing.T) {
	const rclone = "rclone/v1.75.1"
	fail := func(d *drive) { d.do("PUT", "/files/f", "x", "If-None-Match: *").want(412) }
	guarded := func(t *testing.T) *drive {
		d := newDrive(t, "/files/f")
		d.agent = rclone
		fail(d)
		return d
	}
	t.Run("once", func(t *testing.T) {
		d := guarded(t)
		d.now = d.now.Add(2 * time.Second)
		d.do("DELETE", "/files/f", "").want(409, "was not deleted")
		d.holds("/files/f", "/files/f")
		d.do("DELETE", "/files/f", "").want(204)
		d.holds("/files/f", "-")
	})
	for name, between := range map[string]func(d *drive){
		"late":           func(d *drive) { d.now = d.now.Add(dav.DefaultGuard + time.Second) },
		"another client": func(d *drive) { d.agent = "other" },
		"put again":      func(d *drive) { d.do("PUT", "/files/f", "y").want(204) },
	} {
		t.Run(name, func(t *testing.T) {
			d := guarded(t)
			between(d)
			d.do("DELETE", "/files/f", "").want(204)
			d.holds("/files/f", "-")
		})
	}
	t.Run("a condition is meant", func(t *testing.T) {
		d := guarded(t)
		d.do("DELETE", "/files/f", "", "If-Match: *").want(204)
		d.holds("/files/f", "-")
	})
	t.Run("nothing was there", func(t *testing.T) {
		d := newDrive(t)
		d.agent = rclone
		d.send(d.request("PUT", "/files/f", cut{strings.NewReader("half")})).want(400)
		d.do("DELETE", "/files/f", "").want(404)
	})
}

// TestDeleteDeletes: a DELETE that is answered 204 has deleted the file, for every client, whatever failed before, also
// under an earlier gateway.
func TestDeleteDeletes(t *testing.T) {
	for _, agent := range []string{"", "curl/8.5.0", "WebDAVFS/3.0.0 (03008000) Darwin/24.4.0 (arm64)",
		"Microsoft-WebDAV-MiniRedir/10.0.22631",
		"gvfs/1.50.3", "davfs2/1.6.1 neon/0.32.2", "rcloneish/1.0", "rclone/v1.75.1"} {
		kept := notes{}
		d := newDriveWith(t, dav.Options{Patience: -1, Uploads: kept}, 0, "/files/f", "/files/g")
		d.agent = agent
		d.send(d.request("PUT", "/files/f", cut{strings.NewReader("half")})).want(400)
		d.send(d.request("PUT", "/files/g", cut{strings.NewReader("half")})).want(400)
		a := d.do("DELETE", "/files/f", "")
		d.restart(dav.Options{Patience: -1, Uploads: kept})
		b := d.do("DELETE", "/files/g", "")
		for p, a := range map[string]*answer{"/files/f": a, "/files/g": b} {
			if strings.HasPrefix(agent, "rclone/") {
				a.want(409)
				d.holds(p, p)
				continue
			}
			a.want(204)
			d.holds(p, "-")
		}
	}
}

// TestGuardKeepsAnothersVersion: after its upload rclone deletes a version that another client has put there meanwhile,
// although that client has its 201. The guard keeps that version.
func TestGuardKeepsAnothersVersion(t *testing.T) {
	const rclone, other = "rclone/v1.75.0", "other"
	for name, c := range map[string]struct {
		between func(d *drive)
		kept    bool
	}{
		"another's version": {func(d *drive) {
			d.agent = other
			d.do("PUT", "/files/f", "another's", "If-Match: "+d.info("/files/f").ETag()).want(204)
		}, true},
		"another's file moved there": {func(d *drive) {
			d.agent = other
			d.do("PUT", "/files/g", "another's").want(201)
			d.do("MOVE", "/files/g", "", "Destination: /files/f").want(204)
		}, true},
		"its own version":   {func(*drive) {}, false},
		"its later version": {func(d *drive) { d.do("PUT", "/files/f", "later").want(204) }, false},
		"touched by another": {func(d *drive) {
			d.agent = other
			d.do("PROPPATCH", "/files/f", patch("<x:p>1</x:p>")).want(207)
		}, false},
		"its own file moved there": {func(d *drive) {
			d.do("PUT", "/files/g", "own").want(201)
			d.do("MOVE", "/files/g", "", "Destination: /files/f").want(204)
		}, false},
		"a folder": {func(d *drive) {
			d.agent = other
			d.do("DELETE", "/files/f", "").want(204)
			d.do("MKCOL", "/files/f", "").want(201)
		}, false},
		"late": {func(d *drive) {
			d.agent = other
			d.do("PUT", "/files/f", "another's").want(204)
			d.now = d.now.Add(dav.DefaultGuard + time.Second)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDrive(t)
			d.agent = rclone
			d.do("PUT", "/files/f", "own").want(201)
			c.between(d)
			d.agent = rclone
			if c.kept {
				d.do("DELETE", "/files/f", "").want(409)
				d.holds("/files/f", "another's")
			}
			d.do("DELETE", "/files/f", "").want(204)
			d.holds("/files/f", "-")
		})
	}
	t.Run("who does not look", func(t *testing.T) {
		d := newDrive(t)
		d.agent = other
		d.do("PUT", "/files/f", "own").want(201)
		d.agent = rclone
		d.do("PUT", "/files/f", "another's").want(204)
		d.agent = other
		d.do("DELETE", "/files/f", "").want(204)
		d.holds("/files/f", "-")
	})
}

// notes records uploads, and outlives handlers.
type notes map[string]bool

func (n notes) Left() []string          { return slices.Collect(maps.Keys(n)) }
func (n notes) Begin(note string) error { n[note] = true; return nil }
func (n notes) End(note string) error   { delete(n, note); return nil }

// TestGuardOutlivesTheGateway: after a gateway ended in the middle of an upload, the client sends its DELETE to the
// next gateway, which refuses it.
func TestGuardOutlivesTheGateway(t *testing.T) {
	kept := notes{}
	d := newDriveWith(t, dav.Options{Uploads: kept}, 0, "/files/f", "/files/g")
	d.agent = "rclone/v1.75.1"
	d.do("PUT", "/files/g", "well").want(204)
	if len(kept) != 0 {
		t.Errorf("%v are kept of an upload that went well", kept)
	}
	d.send(d.request("PUT", "/files/f", cut{strings.NewReader("half")})).want(400)
	d.restart(dav.Options{Uploads: kept, Clock: func() time.Time { return d.now }})
	d.do("DELETE", "/files/f", "").want(409)
	d.do("DELETE", "/files/g", "").want(204)
	d.holds("/files/f", "/files/f", "/files/g", "-")
	d.do("DELETE", "/files/f", "").want(204)
	d.holds("/files/f", "-")
	if len(kept) != 0 {
		t.Errorf("%v are kept for ever", kept)
	}
}

func TestStorageFaults(t *testing.T) {
	unreachable := &vfs.Error{Op: "commit", Path: "/files/f", Kind: vfs.ErrUnavailable,
		Err: errors.New("dial s3.example: refused")}
	d := newDrive(t, "/files/f")
	d.fail = func(op, _ string) error {
		if op == "commit" {
			return unreachable
		}
		return nil
	}
	d.do("PUT", "/files/f", "x").want(503, "!s3.example").with("Retry-After: 10")
	d.agent = "WebDAVFS/3.0.0 (03008000) Darwin/24.4.0 (arm64)"
	d.do("PUT", "/files/f", "x").want(424).with("Retry-After:")
	d.fail = nil
	d.holds("/files/f", "/files/f")
}
