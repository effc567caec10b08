package dav_test

import "testing"

// TestLibreOfficeSaves follows LibreOffice 7.4: it asks for OPTIONS of a file it is about to make, locks for three minutes,
// compares the date before each save, and asks for properties of its own that nobody has.
func TestLibreOfficeSaves(t *testing.T) {
	d := newDrive(t)
	d.agent = "LibreOffice 7.4.7.2"
	const doc = "/files/letter.odt"
	ucb := `<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><getlastmodified/><resourcetype/>` +
		`<IsReadOnly xmlns="http://ucb.openoffice.org/dav/props/"/></prop></propfind>`

	d.do("OPTIONS", doc, "").want(200).with("DAV: 1, 2, 3")
	d.do("PROPFIND", doc, ucb, "Depth: 0").want(404)
	d.do("HEAD", "/", "").want(200)
	d.do("HEAD", "/files/", "").want(200)
	d.do("PUT", doc, "first").want(201)

	d.do("PROPFIND", doc, prop("D:supportedlock"), "Depth: 0").want(207, "<D:exclusive/>")
	token := d.do("LOCK", doc, lockBody("exclusive"), "Timeout: Second-180", "Depth: 0").want(200, "Second-180").token()
	d.do("PROPFIND", doc, `<propfind xmlns="DAV:"><propname/></propfind>`, "Depth: 0").want(207, "<D:getlastmodified/>")
	d.do("PROPFIND", doc, ucb, "Depth: 0").want(207, `<x:IsReadOnly xmlns:x="http://ucb.openoffice.org/dav/props/"/>`, "404 Not Found")
	d.do("HEAD", doc, "").want(200)

	for _, text := range []string{"second", "third"} {
		put := d.do("PUT", doc, text, "If: (<"+token+">)", "Expect: 100-continue").want(204)
		d.do("PROPFIND", doc, prop("D:getlastmodified"), "Depth: 0").want(207, put.header.Get("Last-Modified")) // else: "changed by others"
		d.do("LOCK", doc, "", "If: (<"+token+">)", "Timeout: Second-180").want(200, "Second-180")
	}
	d.do("UNLOCK", doc, "", "Lock-Token: <"+token+">").want(204)
	d.holds(doc, "third")
}

// TestLibreOfficeTellsWhoHasIt: the owner of the lock is what it shows to the second user.
func TestLibreOfficeTellsWhoHasIt(t *testing.T) {
	d := newDrive(t, "/files/letter.odt")
	d.lock("/files/letter.odt", "Depth: 0")
	d.do("LOCK", "/files/letter.odt", lockBody("exclusive")).want(423)
	d.do("PROPFIND", "/files/letter.odt", prop("D:lockdiscovery"), "Depth: 0").want(207, "<D:owner>me</D:owner>")
}
