package dav_test

import (
	"fmt"
	"strings"
	"testing"

	"postern/crypto/alloctest"
	"postern/vfs"
)

// perRequest is the memory that one request with a body of up to 1 MiB may allocate in all, which is more than it uses
// at one time.
const perRequest = 150 << 20

// TestBoundedXML sends bodies that make the drive store or answer a small part many times.
func TestBoundedXML(t *testing.T) {
	long := "urn:" + strings.Repeat("n", 100_000)
	update := func(inner string) string {
		return `<D:propertyupdate xmlns:D="DAV:" xmlns:p="` + long[:1000] + `"><D:set><D:prop>` + inner +
			`</D:prop></D:set></D:propertyupdate>`
	}
	owner := func(inner string) string {
		return `<lockinfo xmlns="DAV:" xmlns:p="` + long[:1000] +
			`"><lockscope><exclusive/></lockscope><locktype><write/></locktype><owner>` + inner + `</owner></lockinfo>`
	}
	numbered := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for _, tt := range []struct {
		name, method, body string
		status             int
	}{
		{"a long namespace for each child", "PROPPATCH",
			strings.ReplaceAll(update("<v>"+strings.Repeat("<p:a/>", 9000)+"</v>"), long[:1000], long), 400},
		{"a namespace for each child", "PROPPATCH", update("<v>" + strings.Repeat("<p:a/>", 9000) + "</v>"), 413},
		{"a namespace for each of many values", "PROPPATCH",
			update(numbered(400, "<v%d>"+strings.Repeat("<p:a/>", 20)+"</v%[1]d>")), 413},
		{"a namespace for each property", "PROPPATCH", update(numbered(400, "<p:v%d/>")), 400},
		{"a language for each property", "PROPPATCH",
			update(`<v xml:lang="` + long + `">` + strings.Repeat("<a/>", 9000) + "</v>"), 400},
		{"many properties", "PROPPATCH", update(numbered(9000, "<v%d/>")), 400},
		{"many elements", "PROPPATCH", update("<v>" + strings.Repeat("<a/>", 250_000) + "</v>"), 400},
		{"many attributes", "PROPPATCH", update("<v" + numbered(100_000, ` a%d=""`) + "/>"), 400},
		{"many declarations", "PROPPATCH", update("<v" + numbered(60_000, ` xmlns:a%d="u"`) + "/>"), 400},
		{"declarations at each level", "PROPPATCH",
			update(strings.Repeat("<v"+numbered(90, ` xmlns:a%d="u"`)+">", 90) + strings.Repeat("</v>", 90)), 400},
		{"a long name", "PROPPATCH", update("<" + long + "/>"), 400},
		{"escapes", "PROPPATCH", update("<v>" + strings.Repeat("\uFFFE", 300_000) + "</v>"), 400},
		{"nested elements", "PROPPATCH", update(strings.Repeat("<v>", 100_000)), 400},
		{"a namespace for each child of an owner", "LOCK", owner(strings.Repeat("<p:a/>", 9000)), 413},
		{"a long text as owner", "LOCK", owner(strings.Repeat("x", 1_000_000)), 413},
		{"a long namespace that is asked for", "PROPFIND",
			`<D:propfind xmlns:D="DAV:"><D:prop><p:a xmlns:p="` + long + `"/></D:prop></D:propfind>`, 400},
		{"a namespace for each that is asked for", "PROPFIND",
			`<D:propfind xmlns:D="DAV:" xmlns:p="` + long[:1000] + `"><D:prop>` + numbered(400, "<p:v%d/>") +
				`</D:prop></D:propfind>`, 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDrive(t, "/files/f")
			if len(tt.body) > 1<<20 {
				tt.body = tt.body[:1<<20]
			}
			alloctest.Within(t, perRequest, func() { d.do(tt.method, "/files/f", tt.body).want(tt.status) })
		})
	}
}

// TestBoundedListing requests the most properties that a request may name, of a folder whose members have the most.
func TestBoundedListing(t *testing.T) {
	d := newDrive(t, "/files/d/")
	var asked strings.Builder
	for i := range 300 {
		fmt.Fprintf(&asked, "<p:v%d/>", i)
	}
	for i := range 100 {
		p := fmt.Sprintf("/files/d/f%d", i)
		d.write(p, "")
		patch := vfs.Patch{Set: []vfs.Property{{Name: vfs.PropertyName{Space: "urn:x", Local: "large"},
			Value: strings.Repeat("x", 60_000)}}}
		if err := d.fs.Patch(t.Context(), p, patch, nil); err != nil {
			t.Fatal(err)
		}
	}
	body := `<D:propfind xmlns:D="DAV:" xmlns:p="urn:0123456789012345678901234567890123456789"><D:prop>` + asked.String() +
		`</D:prop></D:propfind>`
	alloctest.Within(t, perRequest, func() {
		if got := len(d.do("PROPFIND", "/files/d", body, "Depth: 1").want(207).body); got > 100*(2*16<<10) {
			t.Fatalf("%d names are answered with %d bytes", 300, got)
		}
		d.do("PROPFIND", "/files/d", "", "Depth: 1").want(207)
	})
}
