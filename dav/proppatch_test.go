package dav_test

import (
	"strings"
	"testing"
	"time"

	"postern/vfs"
)

func TestProppatchTimes(t *testing.T) {
	want := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	modified := []string{
		"<D:getlastmodified>Sat, 03 Feb 2001 04:05:06 GMT</D:getlastmodified>",
		"<D:getlastmodified>2001-02-03T04:05:06Z</D:getlastmodified>",
		"<D:getlastmodified>2001-02-03T05:05:06+01:00</D:getlastmodified>",
		"<D:lastmodified>981173106</D:lastmodified>",
		"<Z:Win32LastModifiedTime>Sat, 03 Feb 2001 04:05:06 GMT</Z:Win32LastModifiedTime>",
	}
	for _, set := range modified {
		d := newDrive(t, "/files/a")
		d.do("PROPPATCH", "/files/a", patch(set)).want(207, "HTTP/1.1 200 OK", "!403", "!424")
		if got := d.info("/files/a").Modified; !got.Equal(want) {
			t.Errorf("%s: %v", set, got)
		}
	}
	for _, set := range []string{
		"<D:creationdate>2001-02-03T04:05:06Z</D:creationdate>",
		"<Z:Win32CreationTime>Sat, 03 Feb 2001 04:05:06 GMT</Z:Win32CreationTime>",
	} {
		d := newDrive(t, "/files/a")
		d.do("PROPPATCH", "/files/a", patch(set)).want(207, "HTTP/1.1 200 OK")
		if got := d.info("/files/a").Created; !got.Equal(want) {
			t.Errorf("%s: %v", set, got)
		}
	}
}

func TestWin32TimesAreStoredAndFollow(t *testing.T) {
	d := newDrive(t, "/files/a")
	d.do("PROPPATCH", "/files/a",
		patch("<Z:Win32LastModifiedTime>Sat, 03 Feb 2001 04:05:06 "+
			"GMT</Z:Win32LastModifiedTime><Z:Win32FileAttributes>00000020</Z:Win32FileAttributes>")).want(207)
	body := prop("Z:Win32LastModifiedTime", "Z:Win32FileAttributes")
	d.do("PROPFIND", "/files/a", body, "Depth: 0").want(207, "<Z:Win32LastModifiedTime>Sat, 03 Feb 2001 04:05:06 GMT<",
		"<Z:Win32FileAttributes>00000020<")
	d.do("PUT", "/files/a", "new").want(204)
	d.do("PROPFIND", "/files/a", body, "Depth: 0").want(207, "<Z:Win32LastModifiedTime>Fri, 20 Nov 2026 09:00:00 GMT<")
}

func TestProppatchAllOrNothing(t *testing.T) {
	tests := []struct{ name, set, own string }{
		{"etag", "<D:getetag>x</D:getetag>", "403 Forbidden"},
		{"resourcetype", "<D:resourcetype/>", "403 Forbidden"},
		{"lockdiscovery", "<D:lockdiscovery/>", "403 Forbidden"},
		{"bad time", "<D:getlastmodified>soon</D:getlastmodified>", "409 Conflict"},
		{"wrong checksum", "<oc:checksums><oc:checksum>MD5:00</oc:checksum></oc:checksums>", "409 Conflict"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDrive(t, "/files/a")
			before := d.info("/files/a")
			d.do("PROPPATCH", "/files/a", patch("<x:p>1</x:p>"+tt.set+"<D:lastmodified>5</D:lastmodified>")).want(207, tt.own,
				`<D:prop><x:p xmlns:x="urn:x"/><D:lastmodified/></D:prop><D:status>HTTP/1.1 424 Failed Dependency`, "!200 OK")
			if after := d.info("/files/a"); len(after.Properties) != 0 || !after.Modified.Equal(before.Modified) {
				t.Errorf("something was changed: %+v", after)
			}
		})
	}
}

func TestProppatchOrder(t *testing.T) {
	d := newDrive(t, "/files/a")
	send := func(instructions string) {
		t.Helper()
		d.do("PROPPATCH", "/files/a",
			`<D:propertyupdate xmlns:D="DAV:" xmlns:x="urn:x">`+instructions+`</D:propertyupdate>`).want(207, "200 OK")
	}
	set := func(v string) string { return "<D:set><D:prop><x:p>" + v + "</x:p></D:prop></D:set>" }
	const remove = "<D:remove><D:prop><x:p/></D:prop></D:remove>"
	value := func() string {
		for _, p := range d.info("/files/a").Properties {
			if p.Name == (vfs.PropertyName{Space: "urn:x", Local: "p"}) {
				return p.Value
			}
		}
		return "-"
	}
	for _, tt := range []struct{ instructions, want string }{
		{set("1"), "1"},
		{set("2") + set("3"), "3"},
		{set("4") + remove, "-"},
		{remove + set("5"), "5"},
		{remove, "-"},
		{remove, "-"},
	} {
		send(tt.instructions)
		if got := value(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.instructions, got, tt.want)
		}
	}
}

func TestDeadPropertiesKeepTheirXML(t *testing.T) {
	d := newDrive(t, "/files/a")
	tests := []struct{ in, out string }{
		{`text &amp; &lt;more&gt;`, `text &amp; &lt;more&gt;`},
		{`<x:in y="1"/>`, `<x:in xmlns:x="urn:x" y="1"/>`},
		{`<in xmlns="urn:y"><in2/></in>`, `<in xmlns="urn:y"><in2/></in>`},
		{`<D:href>/a</D:href>`, `<D:href xmlns:D="DAV:">/a</D:href>`},
		{`<q:a xmlns:q="urn:1"><q:b xmlns:q="urn:2"/></q:a>`, `<q:a xmlns:q="urn:1"><q:b xmlns:q="urn:2"/></q:a>`},
		{`<q:a xmlns:q="urn:1" q:at="&quot;&#10;"/>`, `<q:a xmlns:q="urn:1" q:at="&#34;&#10;"/>`},
		{`<a xmlns="urn:y"><b xmlns=""/></a>`, `<a xmlns="urn:y"><b xmlns=""/></a>`},
		{`<![CDATA[<&>]]>`, `&lt;&amp;&gt;`},
		{`&#13;`, `&#13;`},
		{``, ``},
	}
	for _, tt := range tests {
		d.do("PROPPATCH", "/files/a", patch(`<x:p xml:lang="de">`+tt.in+`</x:p>`)).want(207, "200 OK")
		want := `<x:p xmlns:x="urn:x" xml:lang="de">` + tt.out + `</x:p>`
		if tt.out == "" {
			want = `<x:p xmlns:x="urn:x" xml:lang="de"/>`
		}
		d.do("PROPFIND", "/files/a", prop("x:p"), "Depth: 0").want(207, want)
	}
	d.do("PROPPATCH", "/files/a", patch(`<none xmlns="">1</none>`)).want(207, "<none/>")
	d.do("PROPFIND", "/files/a", prop("none"), "Depth: 0").want(207, "<none>1</none>")
	d.do("COPY", "/files/a", "", "Destination: /files/b").want(201)
	d.do("PROPFIND", "/files/b", prop("none"), "Depth: 0").want(207, "<none>1</none>")
}

func TestProppatchRefusals(t *testing.T) {
	d := newDrive(t, "/files/a")
	ok := patch("<x:p>1</x:p>")
	tests := []struct {
		name, target, body string
		headers            []string
		code               int
	}{
		{"missing", "/files/no", ok, nil, 404},
		{"read-only", "/", ok, nil, 403},
		{"no body", "/files/a", "", nil, 400},
		{"no prop", "/files/a", `<D:propertyupdate xmlns:D="DAV:"><D:set/></D:propertyupdate>`, nil, 400},
		{"nothing", "/files/a", `<D:propertyupdate xmlns:D="DAV:"/>`, nil, 400},
		{"another root", "/files/a", strings.ReplaceAll(ok, "propertyupdate", "propfind"), nil, 400},
		{"if-match", "/files/a", ok, []string{`If-Match: "other"`}, 412},
		{"if", "/files/a", ok, []string{"If: (<urn:x>)"}, 412},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d.t = t
			d.do("PROPPATCH", tt.target, tt.body, tt.headers...).want(tt.code)
		})
	}
	d.t = t
	token := d.lock("/files/a")
	d.do("PROPPATCH", "/files/a", ok).want(423, "<D:lock-token-submitted><D:href>/files/a</D:href>")
	d.do("PROPPATCH", "/files/a", patch("<D:getetag/>")).want(423)
	d.do("PROPPATCH", "/files/a", ok, "If: (<"+token+">)").want(207)
}
