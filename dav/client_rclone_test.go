package dav_test

import (
	"errors"
	"testing"
	"time"

	"postern/vfs"
)

const rclone = "rclone/v1.71.0"

// TestRcloneOwncloud follows rclone with vendor=owncloud, the one to recommend: times, both hashes, streams.
func TestRcloneOwncloud(t *testing.T) {
	d := newDrive(t)
	d.agent = rclone
	listing := `<?xml version="1.0"?><d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns" xmlns:nc="http://nextcloud.org/ns"><d:prop>` +
		`<d:displayname/><d:getlastmodified/><d:getcontentlength/><d:resourcetype/><d:getcontenttype/><oc:checksums/><oc:permissions/></d:prop></d:propfind>`

	d.do("PROPFIND", "/files/backup/deep/", listing, "Depth: 1").want(404)
	// Folders are made deepest first, and once more for each file, four at a time.
	d.do("MKCOL", "/files/backup/deep/", "").want(409)
	d.do("MKCOL", "/files/backup/", "").want(201)
	d.do("MKCOL", "/files/backup/deep/", "").want(201)
	d.do("MKCOL", "/files/backup/deep/", "").want(405)

	const file = "/files/backup/deep/a.txt"
	d.do("PUT", file, "hello", "X-OC-Mtime: 981173106.25", "OC-Checksum: SHA1:aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d").want(201).
		with("X-OC-Mtime: accepted")
	d.do("PROPFIND", file, listing, "Depth: 0").want(207,
		"<oc:checksum>SHA1:aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d MD5:5d41402abc4b2a76b9719d911017c592</oc:checksum>",
		"<D:getlastmodified>Sat, 03 Feb 2001 04:05:06 GMT<", "<D:displayname>a.txt<", "<D:getcontentlength>5<", "!404")
	d.do("PROPFIND", "/files/backup/", listing, "Depth: 1").want(207, "<D:href>/files/backup/deep/</D:href>")

	// A new time alone.
	d.do("PROPPATCH", file, `<?xml version="1.0" encoding="utf-8"?><D:propertyupdate xmlns:D="DAV:" xmlns:oc="http://owncloud.org/ns"><D:set><D:prop>`+
		`<lastmodified xmlns="DAV:">1000000000</lastmodified><oc:checksums><oc:checksum>SHA1:aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d</oc:checksum></oc:checksums>`+
		`</D:prop></D:set></D:propertyupdate>`).want(207, "200 OK", "!409", "!403")
	if got := d.info(file).Modified.Unix(); got != 1000000000 {
		t.Errorf("modified at %d", got)
	}
	d.do("MOVE", file, "", "Destination: http://127.0.0.1:8090/files/b.txt", "Overwrite: T", "X-OC-Mtime: 1000000000").want(201).with("X-OC-Mtime: accepted")
	d.do("COPY", "/files/b.txt", "", "Destination: http://127.0.0.1:8090/files/c.txt", "Overwrite: T", "X-OC-Mtime: 5").want(201).with("X-OC-Mtime: accepted")
	d.do("DELETE", "/files/backup/", "").want(204)
	d.holds("/files/b.txt", "hello", "/files/c.txt", "hello", "/files/backup", "-")
}

// TestRcloneAllprop: the vendors that ask for everything get a small answer.
func TestRcloneAllprop(t *testing.T) {
	d := newDrive(t, "/files/a")
	d.agent = rclone
	d.do("PROPFIND", "/files", "", "Depth: 1").want(207, "<D:getlastmodified>", "<D:getcontentlength>", "<D:collection/>")
}

// TestRcloneClearsUp: after any failed upload it deletes what it was writing. What was there before stays.
func TestRcloneClearsUp(t *testing.T) {
	for name, tt := range map[string]struct {
		fail    error
		headers []string
		code    int
	}{
		"full":        {fail: vfs.ErrFull, code: 507},
		"unreachable": {fail: &vfs.Error{Op: "commit", Path: "/files/a", Kind: vfs.ErrUnavailable, Err: errors.New("timeout")}, code: 503},
		"checksum":    {headers: []string{"OC-Checksum: MD5:00"}, code: 400},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDrive(t, "/files/a")
			d.agent = rclone
			d.fail = func(op, _ string) error {
				if op == "commit" {
					return tt.fail
				}
				return nil
			}
			d.do("PUT", "/files/a", "new", tt.headers...).want(tt.code)
			d.do("PUT", "/files/new", "new", tt.headers...).want(tt.code)
			d.fail = nil
			d.now = d.now.Add(time.Second)
			d.do("DELETE", "/files/a", "").want(204)
			d.do("DELETE", "/files/new", "").want(404)
			d.holds("/files/a", "/files/a")
			d.do("PUT", "/files/a", "retried").want(204)
			d.do("DELETE", "/files/a", "").want(204)
			d.holds("/files/a", "-")
		})
	}
}
