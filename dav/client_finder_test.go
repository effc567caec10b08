package dav_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

const (
	finder      = "WebDAVFS/3.0.0 (03008000) Darwin/24.4.0 (arm64)"
	olderFinder = "WebDAVFS/3.0.0 (03008000) Darwin/23.6.0 (arm64)"
)

var finderProps = prop("D:getlastmodified", "D:getcontentlength", "D:creationdate", "D:resourcetype")

const finderLock = `<?xml version="1.0" encoding="utf-8"?>
<D:lockinfo xmlns:D="DAV:">
<D:lockscope><D:exclusive/></D:lockscope>
<D:locktype><D:write/></D:locktype>
<D:owner>
<D:href>http://www.apple.com/webdav_fs/</D:href>
</D:owner>
</D:lockinfo>
`

// TestFinderMounts: OPTIONS says class 2, the root is a collection, and from macOS 15.4 on there is no quota.
func TestFinderMounts(t *testing.T) {
	d := newDriveWith(t, noWait, 1000)
	d.agent = finder
	d.do("OPTIONS", "/", "", "Accept: */*").want(200).with("DAV: 1, 2, 3")
	d.do("PROPFIND", "/", finderProps, "Depth: 0").want(207, "<D:resourcetype><D:collection/></D:resourcetype>",
		"<D:getlastmodified>Fri, 20 Nov 2026 09:00:00 GMT</D:getlastmodified>")
	quota := prop("D:quota-available-bytes", "D:quota-used-bytes", "D:quota", "D:quotaused")
	d.do("PROPFIND", "/", quota, "Depth: 0").want(207, "!200 OK", "404 Not Found")
	d.agent = olderFinder
	d.do("PROPFIND", "/", quota, "Depth: 0").want(207, "<D:quota-available-bytes>1000</D:quota-available-bytes>")
}

// TestFinderProbes: the files that macOS looks for everywhere are plain 404s, and it may keep its own.
func TestFinderProbes(t *testing.T) {
	d := newDrive(t, "/files/a")
	d.agent = finder
	for _, name := range []string{"._.", ".DS_Store", ".hidden", ".localized", ".metadata_never_index", ".Spotlight-V100", "Backups.backupdb", "mach_kernel", "._a"} {
		d.do("PROPFIND", "/files/"+name, finderProps, "Depth: 0").want(404)
	}
	d.do("PUT", "/files/._a", strings.Repeat("x", 82)).want(201)
	d.do("PUT", "/files/.DS_Store", "x").want(201)
}

// TestFinderCopiesAFileIn: an empty PUT, a lock, then the bytes in chunks whose sum only X-Expected-Entity-Length tells.
func TestFinderCopiesAFileIn(t *testing.T) {
	d := newDrive(t)
	d.agent = finder
	d.do("PUT", "/files/film.mov", "").want(201)
	token := d.do("LOCK", "/files/film.mov", finderLock, "Depth: 0", "Timeout: Second-600").want(200,
		"<D:timeout>Second-600</D:timeout>", "http://www.apple.com/webdav_fs/").token()
	chunked := func(n string) *http.Request {
		r := d.request("PUT", "/files/film.mov", io.MultiReader(strings.NewReader("twelve "), strings.NewReader("bytes")),
			"X-Expected-Entity-Length: "+n, "If: (<"+token+">)")
		r.ContentLength = -1
		return r
	}
	d.send(chunked("4000")).want(400) // cut short on the way
	d.holds("/files/film.mov", "")
	a := d.send(chunked("12")).want(204)
	if a.header.Get("ETag") == "" || a.header.Get("Last-Modified") == "" {
		t.Error("without both Finder asks once more")
	}
	d.do("UNLOCK", "/files/film.mov", "", "Lock-Token: <"+token+">").want(204)
	d.holds("/files/film.mov", "twelve bytes")
}

// TestFinderEditsAFile: lock, read, refresh by a token alone, write, unlock; then read on by date.
func TestFinderEditsAFile(t *testing.T) {
	d := newDrive(t, "/files/notes.txt")
	d.agent = finder
	before := d.do("GET", "/files/notes.txt", "").want(200).header.Get("Last-Modified")
	token := d.do("LOCK", "/files/notes.txt", finderLock, "Depth: 0", "Timeout: Second-600").want(200).token()
	d.do("GET", "/files/notes.txt", "", "If-Modified-Since: "+before).want(304)
	d.do("LOCK", "/files/notes.txt", "", "If: (<"+token+">)", "Timeout: Second-600").want(200, "<D:locktoken><D:href>"+token)
	d.do("PUT", "/files/notes.txt", "edited", "If: (<"+token+">)").want(204)
	d.do("UNLOCK", "/files/notes.txt", "", "Lock-Token: <"+token+">").want(204)
	// Within the same second: dates are all that Finder compares.
	d.do("GET", "/files/notes.txt", "", "If-Modified-Since: "+before).want(200, "edited")
	d.do("GET", "/files/notes.txt", "", "Range: bytes=2-", "If-Range: "+before).want(200, "edited")
}

// TestFinderRenames without an Overwrite header.
func TestFinderRenames(t *testing.T) {
	d := newDrive(t, "/files/a", "/files/b", "/files/dir/")
	d.agent = finder
	d.do("MOVE", "/files/a", "", "Accept: */*", "Destination: http://127.0.0.1:8090/files/b").want(204)
	d.holds("/files/a", "-", "/files/b", "/files/a")
	d.do("PROPFIND", "/files/dir/", prop("D:resourcetype"), "Depth: 1").want(207, "!/files/dir/x")
	d.do("DELETE", "/files/dir/", "").want(204)
}

// TestFinderNames: macOS asks for names decomposed; they are found, and keep the form they were stored in.
func TestFinderNames(t *testing.T) {
	d := newDrive(t, "/files/Gr\u00fc\u00dfe.txt")
	d.agent = finder
	d.do("GET", "/files/Gru%CC%88%C3%9Fe.txt", "").want(200)
	d.do("PROPFIND", "/files/", finderProps, "Depth: 1").want(207, "<D:href>/files/Gr%C3%BC%C3%9Fe.txt</D:href>")
	d.do("PUT", "/files/Gru%CC%88%C3%9Fe.txt", "x").want(204)
}
