package dav_test

import (
	"strings"
	"testing"
)

// TestNamesOfOtherBytes: a name that is not UTF-8 keeps its bytes in every href, equals no other name, and is legible
// on the page.
func TestNamesOfOtherBytes(t *testing.T) {
	const (
		latin   = "/files/M%FCller%E9.txt"
		literal = "/files/%F4%8F%BB%A9" // the character that stands for E9
	)
	d := newDrive(t, "/files/d/")
	d.do("PUT", latin, "latin").want(201)
	d.do("PUT", literal, "literal").want(201)
	d.do("PUT", "/files/%E9", "byte").want(201)
	d.do("PUT", "/files/\xe9", "raw byte").want(204)
	d.do("MKCOL", "/files/%FF%FE/", "").want(201)
	d.do("PUT", "/files/%FF%FE/%C3", "below").want(201)
	d.holds("/files/M\U0010fefcller\U0010fee9.txt", "latin", "/files/\U0010fee9", "raw byte",
		"/files/\U0010feff\U0010fefe/\U0010fec3", "below")
	d.do("GET", latin, "").want(200, "latin")
	d.do("GET", literal, "").want(200, "literal")
	d.do("GET", "/files/M%C3%BCller%C3%A9.txt", "").want(404)
	d.do("PROPFIND", "/files", prop("D:displayname"), "Depth: 1").want(207, "<D:href>"+latin+"</D:href>",
		"<D:href>"+literal+"</D:href>",
		"<D:href>/files/%E9</D:href>", "<D:href>/files/%FF%FE/</D:href>", `<D:displayname>M\xFCller\xE9.txt<`)
	d.do("LOCK", latin, lockBody("exclusive")).want(200, "<D:lockroot><D:href>"+latin+"</D:href>")
	d.do("COPY", latin, "", "Destination: http://127.0.0.1:8090/files/d/%DF").want(201)
	d.do("MOVE", "/files/d/%DF", "", "Destination: /files/d/%DE").want(201)
	d.do("GET", "/files/d/%DE", "").want(200, "latin")

	page := d.do("GET", "/files/", "", browser).want(200, `M\xFCller\xE9.txt</bdi>`, `href="`+latin+`?view"`,
		`href="/files/%FF%FE/"`)
	if strings.Contains(page.body, "%F4%8F%BB%BC") {
		t.Error("the page leads to another name")
	}
	d.do("GET", latin+"?view", "", browser).want(200, `M\xFCller\xE9.txt`)
	d.do("GET", "/files/?q=%5CxFC", "", browser).want(200, `M\xFCller`, "!xFF")
	token := d.token("/files/%FF%FE/")
	d.post("/files/%FF%FE/", "token", token, "do", "folder", "name", "sub").want(303).with("Location: /files/%FF%FE/")
	d.post("/files/%FF%FE/%C3", "token", token, "do", "rename", "name", "new\U0010fec4").want(303)
	d.do("GET", "/files/%FF%FE/new%C4", "").want(200, "below")
	d.do("DELETE", "/files/%FF%FE", "").want(204)
	d.do("GET", "/files/%FF%FE/", "").want(404)
}

// TestNamesOfOtherBytesInUnicode: clients that accept only Unicode names see and send the characters that stand for the
// bytes.
func TestNamesOfOtherBytesInUnicode(t *testing.T) {
	for _, agent := range []string{"Microsoft-WebDAV-MiniRedir/10.0.22631",
		"WebDAVFS/3.0.0 (03008000) Darwin/24.4.0 (arm64)"} {
		d := newDrive(t)
		d.do("PUT", "/files/%E9", "byte").want(201)
		d.do("PUT", "/files/%F4%8F%BB%A9", "literal").want(201)
		d.do("PUT", "/files/%C3%A9", "letter").want(201)
		d.agent = agent
		d.do("PROPFIND", "/files", "", "Depth: 1").want(207, "<D:href>/files/%F4%8F%BB%A9</D:href>", "!%E9<")
		d.do("GET", "/files/%F4%8F%BB%A9", "").want(200, "byte")
		d.do("GET", "/files/%E9", "").want(200, "byte")
		// The characters of é stand for no name, and certainly not for é.
		d.do("GET", "/files/%F4%8F%BB%83%F4%8F%BA%A9", "").want(404)
		d.do("MOVE", "/files/%F4%8F%BB%A9", "", "Destination: /files/n%F4%8F%BB%A9").want(201)
		d.agent = ""
		d.do("GET", "/files/n%E9", "").want(200, "byte")
	}
}

// TestArchiveOfOtherBytes: an archive holds the bytes, and says that they are those of Unix.
func TestArchiveOfOtherBytes(t *testing.T) {
	d := newDrive(t, "/files/d/", "/files/d/M\U0010fefc", "/files/d/\U0010feff/", "/files/d/é")
	a := d.do("GET", "/files/d/?zip", "", browser).want(200)
	got := unzipped(t, a.body)
	for name, want := range map[string]string{"d/M\xfc": "/files/d/M\U0010fefc", "d/\xff/": "/", "d/é": "/files/d/é"} {
		if got[name] != want {
			t.Errorf("%q holds %q, want %q; there are %q", name, got[name], want, got)
		}
	}
	d.do("GET", "/files/d/%FF/?zip", "", browser).want(200).with(`Content-Disposition: attachment; filename="\\xFF.zip"`)
}
