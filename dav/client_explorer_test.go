package dav_test

import (
	"strings"
	"testing"

	"postern/dav"
)

const (
	explorer = "Microsoft-WebDAV-MiniRedir/10.0.22631"
	office   = "Microsoft Office Word 2014"
)

// noWait are options for tests that don't want to wait for storage.
var noWait = dav.Options{Patience: -1}

const windowsLock = `<?xml version="1.0" encoding="utf-8" ?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner><D:href>DESK\alice</D:href></D:owner></D:lockinfo>`

const windowsPatch = `<?xml version="1.0" encoding="utf-8" ?><D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop>` +
	`<Z:Win32CreationTime>Wed, 01 Jan 2020 10:00:00 GMT</Z:Win32CreationTime>` +
	`<Z:Win32LastAccessTime>Fri, 20 Nov 2026 08:00:00 GMT</Z:Win32LastAccessTime>` +
	`<Z:Win32LastModifiedTime>Thu, 02 Jan 2020 11:00:00 GMT</Z:Win32LastModifiedTime>` +
	`<Z:Win32FileAttributes>00000020</Z:Win32FileAttributes></D:prop></D:set></D:propertyupdate>`

// TestExplorerConnects: from the root down, with empty bodies, and cheap answers to what isn't there.
func TestExplorerConnects(t *testing.T) {
	d := newDrive(t, "/files/a.txt", "/files/dir/")
	d.agent = explorer
	d.do("OPTIONS", "/", "", "translate: f").want(200).with("MS-Author-Via: DAV", "DAV: 1, 2, 3")
	d.do("PROPFIND", "/", "", "Depth: 0", "translate: f").want(207, "<D:collection/>")
	a := d.do("PROPFIND", "/files", "", "Depth: 1", "translate: f").want(207, `xmlns:D="DAV:"`, "<D:href>/files/dir/</D:href>",
		"<D:getcontentlength>12</D:getcontentlength>", "<D:getlastmodified>", "!displayname", "!dt:", "!supportedlock")
	if strings.Contains(a.body, `xmlns="`) {
		t.Error("Windows does not understand a default namespace")
	}
	for _, name := range []string{"desktop.ini", "Thumbs.db", "AutoRun.inf", "folder.jpg"} {
		d.do("PROPFIND", "/files/"+name, "", "Depth: 0").want(404)
	}
}

// TestExplorerDropsAFile: the sequence of drag and drop; times and attributes stay.
func TestExplorerDropsAFile(t *testing.T) {
	d := newDrive(t)
	d.agent = explorer
	d.do("PROPFIND", "/files/x.txt", "", "Depth: 0").want(404)
	d.do("PUT", "/files/x.txt", "").want(201)
	token := d.do("LOCK", "/files/x.txt", windowsLock, "Timeout: Second-3600", "translate: f").want(200, "<D:depth>infinity</D:depth>", "Second-3600", `DESK\alice`).token()
	with := "If: (<" + token + ">)"
	d.do("PROPPATCH", "/files/x.txt", windowsPatch, with).want(207, "200 OK", "!403", "!424")
	d.do("HEAD", "/files/x.txt", "").want(200)
	d.do("PUT", "/files/x.txt", "content", with).want(204)
	d.do("PROPPATCH", "/files/x.txt", windowsPatch, with).want(207, "200 OK")
	d.do("UNLOCK", "/files/x.txt", "", "Lock-Token: <"+token+">").want(204)
	d.do("PROPFIND", "/files/x.txt", "", "Depth: 0").want(207, "<D:getlastmodified>Thu, 02 Jan 2020 11:00:00 GMT<",
		"<Z:Win32FileAttributes>00000020<", "<Z:Win32CreationTime>Wed, 01 Jan 2020 10:00:00 GMT<")
	d.holds("/files/x.txt", "content")
}

// TestOfficeSavesByRenaming: the locked temporary file goes over the document with only its own token.
func TestOfficeSavesByRenaming(t *testing.T) {
	d := newDrive(t, "/files/report.docx")
	d.agent = explorer
	lock := func(target string) string {
		t.Helper()
		return d.do("LOCK", target, windowsLock, "Timeout: Second-3600").token()
	}
	unlock := func(target, token string) {
		t.Helper()
		d.do("UNLOCK", target, "", "Lock-Token: <"+token+">").want(204)
	}
	t1 := lock("/files/report.docx")
	t2 := lock("/files/~WRD0001.tmp")
	d.do("PUT", "/files/~WRD0001.tmp", "new text", "If: (<"+t2+">)").want(204)
	unlock("/files/~WRD0001.tmp", t2)
	unlock("/files/report.docx", t1)
	t3 := lock("/files/~WRD0001.tmp")
	d.do("MOVE", "/files/~WRD0001.tmp", "", "Destination: http://127.0.0.1:8090/files/report.docx", "Overwrite: T", "If: (<"+t3+">)").want(204)
	d.holds("/files/report.docx", "new text", "/files/~WRD0001.tmp", "-")
	d.do("PUT", "/files/report.docx", "unlocked").want(204)
}

// TestOfficeOpensByAddress: it looks at the folder by OPTIONS and HEAD, locks, reads, writes with the token.
func TestOfficeOpensByAddress(t *testing.T) {
	d := newDrive(t, "/files/report.docx")
	d.agent = office
	d.do("OPTIONS", "/files/", "").want(200).with("MS-Author-Via: DAV")
	d.do("HEAD", "/files/", "").want(200)
	d.do("HEAD", "/files/report.docx", "").want(200)
	d.do("PROPFIND", "/files/report.docx", prop("D:lockdiscovery", "D:supportedlock"), "Depth: 0").want(207, "<D:lockdiscovery/>")
	token := d.do("LOCK", "/files/report.docx", windowsLock, "Timeout: Second-3600", "Depth: 0").want(200).token()
	d.do("GET", "/files/report.docx", "").want(200)
	d.do("LOCK", "/files/report.docx", "", "If: (<"+token+">)", "Timeout: Second-3600").want(200)
	d.agent = "another Office"
	d.do("LOCK", "/files/report.docx", windowsLock, "Timeout: Second-3600").want(423)
	d.do("PUT", "/files/report.docx", "mine").want(423)
	d.agent = office
	d.do("PUT", "/files/report.docx", "saved", "If: (<"+token+">)").want(204)
	d.do("UNLOCK", "/files/report.docx", "", "Lock-Token: <"+token+">").want(204)
	d.holds("/files/report.docx", "saved")
}
