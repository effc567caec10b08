package dav_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"postern/dav"
	"postern/vfs"
)

func TestPropfindDepth(t *testing.T) {
	d := newDrive(t, "/files/a", "/files/dir/", "/files/dir/b")
	tests := []struct {
		depth string
		code  int
		parts []string
	}{
		{"0", 207, []string{"<D:href>/files/</D:href>", "!/files/a"}},
		{"1", 207,
			[]string{"<D:href>/files/</D:href>", "<D:href>/files/a</D:href>", "<D:href>/files/dir/</D:href>", "!/files/dir/b"}},
		{"1,noroot", 207, []string{"!<D:href>/files/</D:href>", "<D:href>/files/a</D:href>"}},
		{"", 207, []string{"<D:href>/files/a</D:href>"}},
		{"infinity", 403, []string{"<D:propfind-finite-depth/>"}},
		{"2", 400, nil},
	}
	for _, tt := range tests {
		t.Run("depth "+tt.depth, func(t *testing.T) {
			d.t = t
			var headers []string
			if tt.depth != "" {
				headers = []string{"Depth: " + tt.depth}
			}
			d.do("PROPFIND", "/files", "", headers...).want(tt.code, tt.parts...)
		})
	}
	d.t = t
	d.do("PROPFIND", "/files/a", "", "Depth: 1").want(207, "<D:href>/files/a</D:href>")
	d.do("PROPFIND", "/files/a/", "", "Depth: 0").want(207, "<D:href>/files/a</D:href>")
	d.do("PROPFIND", "/files/no/", "", "Depth: 0").want(404)
	d.do("PROPFIND", "/", "", "Depth: 1").want(207, "<D:href>/</D:href>", "<D:href>/files/</D:href>")
}

func TestPropfindBodies(t *testing.T) {
	d := newDrive(t, "/files/a")
	tests := []struct {
		name, body string
		code       int
	}{
		{"allprop", `<propfind xmlns="DAV:"><allprop/></propfind>`, 207},
		{"propname", `<D:propfind xmlns:D="DAV:"><D:propname/></D:propfind>`, 207},
		{"declaration",
			`<?xml version="1.0" encoding="utf-8" ?>` + "\n" + `<D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>`, 207},
		{"include", `<D:propfind xmlns:D="DAV:"><D:allprop/><D:include><D:supportedlock/></D:include></D:propfind>`, 207},
		{"unknown beside", `<D:propfind xmlns:D="DAV:"><x xmlns="y"/><D:allprop/></D:propfind>`, 207},
		{"two kinds", `<D:propfind xmlns:D="DAV:"><D:allprop/><D:propname/></D:propfind>`, 400},
		{"none", `<D:propfind xmlns:D="DAV:"/>`, 400},
		{"another root", `<D:lockinfo xmlns:D="DAV:"/>`, 400},
		{"no namespace", `<propfind><allprop/></propfind>`, 400},
		{"prefix of nothing", `<D:propfind xmlns:D="DAV:"><D:prop><x:y xmlns:x=""/></D:prop></D:propfind>`, 400},
		{"undeclared", `<D:propfind xmlns:D="DAV:"><D:prop><x:y/></D:prop></D:propfind>`, 400},
		{"doctype", `<!DOCTYPE a [<!ENTITY b "c">]><D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>`, 400},
		{"entity", `<D:propfind xmlns:D="DAV:"><D:allprop>&b;</D:allprop></D:propfind>`, 400},
		{"cut", `<D:propfind xmlns:D="DAV:"><D:allprop/>`, 400},
		{"mismatch", `<D:propfind xmlns:D="DAV:"><D:allprop></D:prop></D:propfind>`, 400},
		{"two roots", `<D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind><a/>`, 400},
		{"attribute twice", `<D:propfind xmlns:D="DAV:"><D:allprop a="1" a="2"/></D:propfind>`, 400},
		{"deep", strings.Repeat("<a>", 200) + strings.Repeat("</a>", 200), 400},
		{"text", `hello`, 400},
		{"long", `<D:propfind xmlns:D="DAV:">` + strings.Repeat(" ", dav.DefaultMaxXML) + `<D:allprop/></D:propfind>`, 413},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d.t = t
			d.do("PROPFIND", "/files/a", tt.body, "Depth: 0").want(tt.code)
		})
	}
}

func TestPropfindProperties(t *testing.T) {
	d := newDrive(t, "/files/dir/")
	d.write("/files/a.txt", "hello")
	info := d.info("/files/a.txt")
	date := "Fri, 20 Nov 2026 09:00:00 GMT"
	tests := []struct{ name, file, folder string }{
		{"D:resourcetype", `<D:resourcetype/>`, `<D:resourcetype><D:collection/></D:resourcetype>`},
		{"D:getcontentlength", `<D:getcontentlength>5</D:getcontentlength>`, ""},
		{"D:getlastmodified", `<D:getlastmodified>` + date + `</D:getlastmodified>`,
			`<D:getlastmodified>` + date + `</D:getlastmodified>`},
		{"D:creationdate", `<D:creationdate>2026-11-20T09:00:00Z</D:creationdate>`,
			`<D:creationdate>2026-11-20T09:00:00Z</D:creationdate>`},
		{"D:getetag", `<D:getetag>` + info.ETag() + `</D:getetag>`, ""},
		{"D:getcontenttype", `<D:getcontenttype>text/plain; charset=utf-8</D:getcontenttype>`, ""},
		{"D:displayname", `<D:displayname>a.txt</D:displayname>`, `<D:displayname>dir</D:displayname>`},
		{"D:lastmodified", `<D:lastmodified>1795165200</D:lastmodified>`, `<D:lastmodified>1795165200</D:lastmodified>`},
		{"D:lockdiscovery", `<D:lockdiscovery/>`, `<D:lockdiscovery/>`},
		{"D:supportedlock", `<D:supportedlock><D:lockentry><D:lockscope><D:exclusive/></D:lockscope>`, `<D:shared/>`},
		{"D:current-user-principal", `<D:current-user-principal><D:href>/</D:href>`, `<D:href>/</D:href>`},
		{"D:quota-used-bytes", "", `<D:quota-used-bytes>5</D:quota-used-bytes>`},
		{"D:quota-available-bytes", "", ""},
		{"oc:checksums",
			`<oc:checksums><oc:checksum>SHA1:aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d ` +
				`MD5:5d41402abc4b2a76b9719d911017c592</oc:checksum></oc:checksums>`, ""},
		{"oc:permissions", `<oc:permissions>GDNVW</oc:permissions>`, `<oc:permissions>GDNVCK</oc:permissions>`},
		{"x:unknown", "", ""},
	}
	for _, tt := range tests {
		for target, want := range map[string]string{"/files/a.txt": tt.file, "/files/dir": tt.folder} {
			t.Run(tt.name+target, func(t *testing.T) {
				d.t = t
				parts := []string{want, "HTTP/1.1 200 OK", "!404"}
				if want == "" {
					parts = []string{"HTTP/1.1 404 Not Found", "!200"}
				}
				d.do("PROPFIND", target, prop(tt.name), "Depth: 0").want(207, parts...)
			})
		}
	}
}

func TestPropfindMissingInOnePropstat(t *testing.T) {
	d := newDrive(t, "/files/a")
	body := prop("D:getcontentlength", "x:one", "D:two")
	d.do("PROPFIND", "/files/a", body, "Depth: 0").want(207,
		`</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat><D:propstat><D:prop><x:one xmlns:x="urn:x"/><D:two/>`+
			`</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>`)
	d.do("PROPFIND", "/files/a", body, "Depth: 0",
		"Prefer: return=minimal").want(207).with("Preference-Applied: return=minimal")
	d.do("PROPFIND", "/files/a", body, "Depth: 0", "Prefer: return=representation").want(207,
		"404").with("Preference-Applied:")
	for _, header := range []string{"Brief: t", "Prefer: return=minimal", `Prefer: foo, return="minimal"`} {
		d.do("PROPFIND", "/files/a", body, "Depth: 0", header).want(207, "!404", "getcontentlength")
		d.do("PROPFIND", "/files/a", prop("x:one"), "Depth: 0", header).want(207, "!404",
			"<D:prop></D:prop><D:status>HTTP/1.1 200 OK")
	}
}

func TestPropnameAndInclude(t *testing.T) {
	d := newDrive(t, "/files/a")
	d.do("PROPPATCH", "/files/a", patch("<x:p>1</x:p><D:displayname>A</D:displayname>")).want(207)
	d.do("PROPFIND", "/files/a", `<D:propfind xmlns:D="DAV:"><D:propname/></D:propfind>`, "Depth: 0").want(207,
		`<x:p xmlns:x="urn:x"/>`, "<D:getetag/>", "<D:supportedlock/>", "!quota", "!>1<")
	a := d.do("PROPFIND", "/files/a",
		`<D:propfind xmlns:D="DAV:"><D:allprop/><D:include><D:supportedlock/><D:getetag/><D:displayname/><D:no/>`+
			`</D:include></D:propfind>`, "Depth: 0").want(207,
		"<D:supportedlock><D:lockentry>", "<D:no/></D:prop><D:status>HTTP/1.1 404", "<D:displayname>A</D:displayname>")
	d.do("PROPFIND", "/files/a", "", "Depth: 0").want(207, "!displayname", ">1</x:p>")
	if strings.Count(a.body, "<D:getetag>") != 1 {
		t.Errorf("a property comes twice: %s", a.body)
	}
}

func TestQuota(t *testing.T) {
	d := newDriveWith(t, dav.Options{}, 1000, "/files/a")
	body := prop("D:quota-available-bytes", "D:quota-used-bytes")
	d.do("PROPFIND", "/files", body, "Depth: 0").want(207, "<D:quota-available-bytes>992<", "<D:quota-used-bytes>8<")
	d.do("PROPFIND", "/files", "", "Depth: 0").want(207, "!quota")
	for agent, answered := range map[string]bool{
		"WebDAVFS/3.0.0 (03008000) Darwin/24.3.0 (arm64)":  true,
		"WebDAVFS/3.0.0 (03008000) Darwin/24.4.0 (arm64)":  false,
		"WebDAVFS/3.0.0 (03008000) Darwin/25.0.0 (arm64)":  false,
		"WebDAVFS/1.9.0 (01908000) Darwin/13.4.0 (x86_64)": true,
		"WebDAVFS/3.0.0": true,
	} {
		d.agent = agent
		if got := strings.Contains(d.do("PROPFIND", "/files", body, "Depth: 0").want(207).body, "992"); got != answered {
			t.Errorf("%s: quota answered is %v", agent, got)
		}
	}
}

// TestListingIsSmall: Windows accepts a listing of at most a million bytes.
func TestListingIsSmall(t *testing.T) {
	d := newDrive(t)
	const n = 100
	for i := range n {
		d.write(fmt.Sprintf("/files/document-%06d.txt", i), "twenty bytes of text")
	}
	for _, tt := range []struct {
		agent string
		limit int
	}{
		{"Microsoft-WebDAV-MiniRedir/10.0.22631", 260},
		{"rclone/v1.71.0", 260},
		{"", 460},
	} {
		d.agent = tt.agent
		a := d.do("PROPFIND", "/files", "", "Depth: 1").want(207)
		if got := len(a.body) / (n + 1); got > tt.limit {
			t.Errorf("%q: %d bytes an entry, want at most %d", tt.agent, got, tt.limit)
		}
		if regexp.MustCompile(`>\s+<`).MatchString(a.body) {
			t.Errorf("%q: there are spaces between the elements", tt.agent)
		}
	}
}

func TestNamesInListings(t *testing.T) {
	d := newDrive(t)
	names := map[string]string{
		"a b":        "a%20b",
		"50%":        "50%25",
		"#1?":        "%231%3F",
		"a&b<c>'\"":  "a%26b%3Cc%3E%27%22",
		"a+b;c=d":    "a%2Bb%3Bc%3Dd",
		"é":          "%C3%A9",
		"u\u0308":    "u%CC%88",
		"日本":         "%E6%97%A5%E6%9C%AC",
		"\x01\u0002": "%01%02",
		"nul\uFFFE":  "nul%EF%BF%BE",
		"dot.":       "dot.",
		"back\\":     "back%5C",
		"~tilde_-":   "~tilde_-",
	}
	for name, escaped := range names {
		d.do("PUT", "/files/"+escaped, name).want(201)
		d.holds("/files/"+name, name)
	}
	a := d.do("PROPFIND", "/files", prop("D:displayname"), "Depth: 1").want(207)
	for name, escaped := range names {
		if !strings.Contains(a.body, "<D:href>/files/"+escaped+"</D:href>") {
			t.Errorf("%q is not listed as %s", name, escaped)
		}
		d.do("GET", "/files/"+escaped, "").want(200)
	}
	if strings.ContainsAny(a.body, "\x01\x02\uFFFE") {
		t.Error("the XML has a character that XML can't have")
	}
}

func TestNamesForWindows(t *testing.T) {
	d := newDrive(t, "/files/a:b?", "/files/dot.", "/files/space ", "/files/plain")
	d.agent = "Microsoft-WebDAV-MiniRedir/10.0.22631"
	a := d.do("PROPFIND", "/files", "", "Depth: 1").want(207,
		"<D:href>/files/a%EF%80%BAb%EF%80%BF</D:href>", "<D:href>/files/dot%EF%80%AE</D:href>",
		"<D:href>/files/space%EF%80%A0</D:href>", "<D:href>/files/plain</D:href>")
	for _, m := range regexp.MustCompile(`<D:href>([^<]*)</D:href>`).FindAllStringSubmatch(a.body, -1) {
		d.do("PROPFIND", m[1], "", "Depth: 0").want(207, "<D:href>"+m[1]+"</D:href>")
	}
	d.do("MOVE", "/files/plain", "", "Destination: http://127.0.0.1:8090/files/x%EF%80%BA").want(201)
	d.holds("/files/x:", "/files/plain")
}

// brokenList fails after some members.
type brokenList struct {
	vfs.FS
	after int
}

func (b brokenList) List(ctx context.Context, path string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		for i := range b.after {
			if !yield(vfs.Info{Name: fmt.Sprintf("file %d", i)}, nil) {
				return
			}
		}
		yield(vfs.Info{}, errors.New("gone"))
	}
}

// TestListingCutShort: a listing that can't be finished must not look finished, or sync programs delete what it lacks.
func TestListingCutShort(t *testing.T) {
	d := newDrive(t)
	for after, want := range map[int]int{0: 500, 3: 500, 5000: 207} {
		h, err := dav.New(brokenList{d.fs, after}, dav.Options{})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(h)
		r := d.request("PROPFIND", server.URL+"/files", nil, "Depth: 1")
		r.RequestURI = ""
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		server.Close()
		if resp.StatusCode != want {
			t.Errorf("after %d: %d, want %d", after, resp.StatusCode, want)
		}
		if want == 207 && (err == nil || strings.Contains(string(body), "</D:multistatus>")) {
			t.Errorf("after %d: a listing cut short looks whole", after)
		}
	}
}

// longList is a folder of very many files.
type longList struct {
	vfs.FS
	seen int
}

func (l *longList) List(context.Context, string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		const files = 100_000
		for l.seen = range files {
			if !yield(vfs.Info{Name: fmt.Sprintf("document-%06d", l.seen)}, nil) {
				return
			}
		}
	}
}

// firstWrite notes how far a listing was when its first bytes went out.
type firstWrite struct {
	*httptest.ResponseRecorder
	l  *longList
	at int
}

func (f *firstWrite) Write(p []byte) (int, error) {
	if f.at < 0 {
		f.at = f.l.seen
	}
	return len(p), nil
}

// TestListingsStream: a listing is sent while the folder is read, however long the folder is.
func TestListingsStream(t *testing.T) {
	d := newDrive(t)
	l := &longList{FS: d.fs}
	h, err := dav.New(l, dav.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &firstWrite{httptest.NewRecorder(), l, -1}
	h.ServeHTTP(w, d.request("PROPFIND", "/files", nil, "Depth: 1"))
	if w.at < 0 || w.at > 500 || l.seen != 99_999 {
		t.Errorf("the first bytes went out after %d of %d files", w.at, l.seen+1)
	}
}

// TestPagesOfLongListings: a page shows a part, keeps no more than that in memory, and shows how many there are.
func TestPagesOfLongListings(t *testing.T) {
	d := newDrive(t)
	h, err := dav.New(&longList{FS: d.fs}, dav.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d.h = h
	for _, query := range []string{"", "?sort=size", "?sort=name&order=desc"} {
		a := d.do("GET", "/files"+query, "").want(200, "100,000 files", `rel="next"`)
		if n := strings.Count(a.body, "<tr data-name"); n != 500 || len(a.body) > 1<<20 {
			t.Errorf("%q: %d rows in %d bytes", query, n, len(a.body))
		}
	}
}
