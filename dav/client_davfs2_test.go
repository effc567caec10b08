package dav_test

import "testing"

// TestDavfs2 follows davfs2 1.6.1 as it was traced: listing, a new file under a lock, an edit, a rename over a document.
func TestDavfs2(t *testing.T) {
	d := newDriveWith(t, noWait, 1<<20)
	d.agent = "davfs2/1.6.1 neon/0.32.5"
	listing := `<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getetag/><getlastmodified/>` +
		`<executable xmlns="http://apache.org/dav/props/"/></prop></propfind>`
	token := func(a *answer) string { return a.token() }
	tagged := func(target, token string) string {
		return "If: <http://127.0.0.1:8090" + target + "> (<" + token + ">)"
	}

	d.do("OPTIONS", "/files/", "").want(200)
	d.do("PROPFIND", "/files/", listing, "Depth: 1").want(207, `<x:executable xmlns:x="http://apache.org/dav/props/"/>`)
	d.do("PROPFIND", "/files/", prop("D:quota-available-bytes", "D:quota-used-bytes"), "Depth: 0").want(207, ">1048576<")

	made := d.do("LOCK", "/files/doc", lockBody("exclusive"), "Depth: 0", "Timeout: Second-1800").want(201)
	t1 := token(made)
	head := d.do("HEAD", "/files/doc", "").want(200)
	head.with("ETag: " + made.header.Get("ETag"))
	put := d.do("PUT", "/files/doc", "one", tagged("/files/doc", t1), "If-Match: "+head.header.Get("ETag")).want(204)
	d.do("PUT", "/files/doc", "lost update", tagged("/files/doc", t1), "If-Match: "+head.header.Get("ETag")).want(412)
	d.do("UNLOCK", "/files/doc", "", "Lock-Token: <"+t1+">").want(204)
	d.do("PROPFIND", "/files/", listing, "Depth: 1").want(207, "<D:getetag>"+put.header.Get("ETag")+"</D:getetag>")

	// touch + mv: the source is locked, the destination is not.
	t2 := token(d.do("LOCK", "/files/doc.tmp", lockBody("exclusive"), "Depth: 0").want(201))
	d.do("PUT", "/files/doc.tmp", "two", tagged("/files/doc.tmp", t2)).want(204)
	d.do("MOVE", "/files/doc.tmp", "", "Destination: http://127.0.0.1:8090/files/doc", tagged("/files/doc.tmp", t2)).want(204)
	d.do("UNLOCK", "/files/doc.tmp", "", "Lock-Token: <"+t2+">").want(409) // it went with the file
	d.holds("/files/doc", "two", "/files/doc.tmp", "-")
	d.do("PUT", "/files/doc", "free").want(204)
}
