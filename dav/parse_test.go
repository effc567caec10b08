package dav

import (
	"crypto/sha1"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/net/webdav"
	"pgregory.net/rapid"

	"postern/vfs"
)

func TestParseIf(t *testing.T) {
	cond := func(cs ...webdav.Condition) []webdav.Condition { return cs }
	tests := []struct {
		in   string
		want ifHeader // nil: malformed
	}{
		{"(<urn:a>)", ifHeader{{"", cond(webdav.Condition{Token: "urn:a"})}}},
		{`(<urn:a> ["e"]) (["f"])`, ifHeader{
			{"", cond(webdav.Condition{Token: "urn:a"}, webdav.Condition{ETag: `"e"`})},
			{"", cond(webdav.Condition{ETag: `"f"`})}}},
		{"(Not<urn:a>NOT <urn:b>)",
			ifHeader{{"", cond(webdav.Condition{Not: true, Token: "urn:a"}, webdav.Condition{Not: true, Token: "urn:b"})}}},
		{"</x>(<urn:a>)(<urn:b>)</y>\t( [W/\"]\"] )", ifHeader{
			{"/x", cond(webdav.Condition{Token: "urn:a"})}, {"/x", cond(webdav.Condition{Token: "urn:b"})},
			{"/y", cond(webdav.Condition{ETag: `W/"]"`})}}},
		{"", nil}, {"()", nil}, {"(", nil}, {"(<urn:a>", nil}, {"(<>)", nil}, {"([])", nil}, {"([e])", nil}, {`(["e)`, nil},
		{"</x>", nil}, {"</x></y>(<a>)", nil}, {"(<a>)</x>(<a>)", nil}, {"(Not)", nil}, {"(<a>) x", nil}, {"<>(<a>)", nil},
		{strings.Repeat("(<a>)", maxConditions+1), nil},
	}
	for _, tt := range tests {
		got, ok := parseIf([]string{tt.in})
		if ok != (tt.want != nil) || ok && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%.80q: %+v %v, want %+v", tt.in, got, ok, tt.want)
		}
	}
}

func TestTokensAreSubmittedWhereverTheyStand(t *testing.T) {
	h, ok := parseIf([]string{`</x> (Not <urn:a> ["e"]) (<DAV:no-lock> <urn:b>)`})
	if want := []string{"urn:a", "urn:b"}; !ok || !reflect.DeepEqual(h.tokens(), want) {
		t.Errorf("%v, want %v", h.tokens(), want)
	}
}

func TestParseDepth(t *testing.T) {
	for in, want := range map[string]struct {
		d      depth
		noRoot bool
		ok     bool
	}{
		"": {depthAbsent, false, true}, "0": {depth0, false, true}, "1": {depth1, false, true},
		"Infinity": {depthInfinity, false, true},
		" 1 ":      {depth1, false, true}, "1,noroot": {depth1, true, true}, ",noroot": {ok: false}, "2": {}, "-1": {},
		"infinite": {},
	} {
		d, noRoot, ok := parseDepth(in)
		if ok != want.ok || ok && (d != want.d || noRoot != want.noRoot) {
			t.Errorf("%q: %v %v %v", in, d, noRoot, ok)
		}
	}
}

func TestParseTime(t *testing.T) {
	want := time.Date(1994, 11, 6, 8, 49, 37, 0, time.UTC)
	for _, in := range []string{
		"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
		"Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 06 Nov 1994 08:49:37 Z",
		"6 Nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 09:49:37 +0100", "Sun Nov 6 08:49:37 UTC 1994",
		"Sun, 6-Nov-1994 08:49:37 GMT",
		"1994-11-06 08:49:37", "1994-11-06 08:49:37Z", "1994-11-06 08:49:37 UTC", "1994-11-06 08:49:37 +0000",
		"1994-11-06T08:49:37.000Z",
		"1994-11-06T09:49:37+0100", "1994-11-06T08:49:37,000Z", "19941106T084937Z", "19941106T084937", "784111777000",
		"784111777000000", "784111777000000000",
		"1994-11-06T08:49:37Z", "1994-11-06T09:49:37+01:00", "1994-11-06T08:49:37", "784111777", " 784111777.0 ",
	} {
		if got, ok := parseTime(in); !ok || !got.Equal(want) {
			t.Errorf("%q: %v %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "now", "99999999999999999999", "0001-01-01T00:00:00Z", "1e9", "5.x", "5.-1",
		"-99999999999999", "Sun, 06 Nov 1994 08:49:37 EST",
		"Sun, 06 Nov 1994", "06/11/1994", "1994-13-06T08:49:37Z", "Sun, 31 Feb 1994 08:49:37 GMT", "1994-11-06T25:49:37Z"} {
		if got, ok := parseTime(in); ok {
			t.Errorf("%q: %v", in, got)
		}
	}
}

func TestUnescape(t *testing.T) {
	tests := []struct {
		in   string
		want target
		ok   bool
	}{
		{"/", target{"/", true}, true},
		{"/a%20b/", target{"/a b", true}, true},
		{"//a//b", target{"/a/b", false}, true},
		{"/a/../../b", target{"/b", false}, true},
		{"/%2e%2e/b", target{"/b", false}, true},
		{"/a%2fb", target{}, false},
		{"/a%00", target{}, false},
		{"/a%", target{}, false},
		{"", target{}, false},
		{"a", target{}, false},
	}
	for _, tt := range tests {
		got, err := unescape(tt.in, profile{})
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%q: %+v %v", tt.in, got, err)
		}
	}
}

// TestHrefsComeBack: the href listed for any name decodes to that name, for every client, and needs no XML escapes.
func TestHrefsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringN(1, 40, vfs.MaxName/4).Filter(func(s string) bool {
			return s != "." && s != ".." && utf8.ValidString(s) && !strings.ContainsAny(s, "/\x00") &&
				strings.IndexFunc(s, func(r rune) bool { return r > privateUse && r < privateUse+256 }) < 0
		}).Draw(t, "name")
		who := profile{windows: rapid.Bool().Draw(t, "windows")}
		href := string(appendHref(nil, "/files/"+name, false, who))
		got, err := unescape(href, who)
		if err != nil || got.path != "/files/"+name {
			t.Fatalf("%q as %s comes back as %q: %v", name, href, got.path, err)
		}
		if strings.ContainsAny(href, `<>&"' #?`) {
			t.Fatalf("%s needs escapes", href)
		}
	})
}

func TestWindowsNames(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "a:b": "a\uf03ab", "dot.": "dot\uf02e", "space ": "space\uf020", "..": "..", "\x01": "\uf001",
		"a.b": "a.b", "x?.": "x\uf03f\uf02e",
		"con": "\uf063on", "Aux.tar.gz": "\uf041ux.tar.gz", "LPT9": "\uf04cPT9", "nul .x": "\uf06eul .x", "con.": "con\uf02e",
		"CONIN$": "\uf043ONIN$",
		"cone":   "cone", "com": "com", "com10": "com10", "a.con": "a.con", "icon": "icon",
	} {
		got := nameToWindows(in)
		if got != want || fromWindows(got) != in {
			t.Errorf("%q: %q, back %q", in, got, fromWindows(got))
		}
	}
}

// TestWindowsNamesComeBack: every name sent to Windows is one that Windows allows, and decodes to the original.
func TestWindowsNamesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SampledFrom([]string{"con", "AUX", "lpt", "1", ".", " ", ":", "?", "\x01", "$", "x",
			"ü"})).Draw(t, "parts")
		name := strings.Join(parts, "")
		got := nameToWindows(name)
		if back := fromWindows(got); back != name {
			t.Fatalf("%q is shown as %q and read as %q", name, got, back)
		}
		if strings.ContainsAny(got, "\x01\\:*?\"<>|") || isDevice(got) || got != name && strings.HasSuffix(got, ".") {
			t.Fatalf("%q is shown as %q", name, got)
		}
	})
}

func TestProfiles(t *testing.T) {
	for agent, want := range map[string]profile{
		"":                                      {},
		"curl/8":                                {},
		"rclone/v1.71.0":                        {lean: true, clearsUp: true},
		"Microsoft-WebDAV-MiniRedir/10.0.22631": {windows: true, lean: true},
		"WebDAVFS/3.0.0 (03008000) Darwin/24.4.0 (arm64)": {finder: true, noQuota: true},
		"WebDAVFS/3.0.0 (03008000) Darwin/24.3.9 (arm64)": {finder: true},
		"WebDAVFS/3.0.0 (03008000) Darwin/99 (arm64)":     {finder: true, noQuota: true},
		"WebDAVFS/3.0.0 Darwin/x.y":                       {finder: true},
		"WebDAVLib/1.3":                                   {finder: true},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("User-Agent", agent)
		if got := profileOf(r); got != want {
			t.Errorf("%q: %+v, want %+v", agent, got, want)
		}
	}
}

// TestInnerXMLMeansTheSame: the stored form of an element means the same wherever it is inserted.
func TestInnerXMLMeansTheSame(t *testing.T) {
	prefixes := rapid.SampledFrom([]string{"", "p", "q", "D"})
	spaces := rapid.SampledFrom([]string{"urn:1", "urn:2", "DAV:"})
	var gen func(depth int) *rapid.Generator[string]
	gen = func(depth int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			p := prefixes.Draw(t, "prefix")
			colon := p
			if p != "" {
				colon += ":"
			}
			s := "<" + colon + "e xmlns"
			if p != "" {
				s += ":" + p
			}
			s += `="` + spaces.Draw(t, "space") + `"`
			if p != "" && rapid.Bool().Draw(t, "attribute") {
				s += " " + colon + `a="&lt;&#10;&quot;"`
			}
			s += ">" + rapid.SampledFrom([]string{"", "text", "&amp;", "&#13;\t"}).Draw(t, "text")
			if depth > 0 {
				for range rapid.IntRange(0, 2).Draw(t, "kids") {
					s += gen(depth-1).Draw(t, "kid")
				}
			}
			return s + "</" + colon + "e>"
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		in := "<r>" + gen(3).Draw(t, "xml") + "</r>"
		first, err := parseXML([]byte(in))
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		inner, _ := first.inner(DefaultMaxXML)
		again,
			err := parseXML([]byte(`<r xmlns="urn:other" xmlns:p="urn:other" xmlns:q="urn:other"><v xmlns="">` + inner +
			"</v></r>"))
		if err != nil {
			t.Fatalf("%s: %v", inner, err)
		}
		if got, want := shape(again.children[0].(*element)), shape(first); got != want {
			t.Fatalf("%s reads as %s, want %s", inner, got, want)
		}
	})
}

// shape is an element's content without prefixes.
func shape(e *element) string {
	var b strings.Builder
	for _, c := range e.children {
		switch c := c.(type) {
		case string:
			b.WriteString(c)
		case *element:
			b.WriteString("{" + c.name.Space + "}" + c.name.Local)
			for _, a := range c.attrs {
				b.WriteString("@" + a.space + a.local + a.value)
			}
			b.WriteString("(" + shape(c) + ")")
		}
	}
	return b.String()
}

func TestAppendTextIsAlwaysXML(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		e, err := parseXML([]byte(`<a b="` + string(appendAttr(nil, in)) + `">` + string(appendText(nil, in)) + "</a>"))
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Map(func(r rune) rune {
			if !validXML(r) {
				return '\uFFFD'
			}
			return r
		}, in)
		got := ""
		for _, c := range e.children {
			got += c.(string)
		}
		if got != want || e.attrs[0].value != want {
			t.Fatalf("%q reads as %q and %q, want %q", in, got, e.attrs[0].value, want)
		}
	})
}

func TestFailures(t *testing.T) {
	for _, k := range kinds {
		err := &vfs.Error{Op: "do", Path: "/x", Kind: k.kind}
		if got := failureOf(err, false); got.status != k.look || got.message != k.message {
			t.Errorf("%v: %d", k.kind, got.status)
		}
		if got := failureOf(err, true).status; got != k.make {
			t.Errorf("%v: %d", k.kind, got)
		}
		if !strings.HasSuffix(k.message, ".") {
			t.Errorf("%q is no sentence", k.message)
		}
	}
	if got := failureOf(http.ErrBodyNotAllowed, false).status; got != http.StatusInternalServerError {
		t.Errorf("an unknown error is %d", got)
	}
}

func TestGuardIsBounded(t *testing.T) {
	now := time.Unix(0, 0)
	g := newGuard(Options{Guard: time.Second, Clock: func() time.Time { return now }})
	for i := range maxGuarded + 10 {
		g.arm("c", strings.Repeat("x", i+1))
	}
	if len(g.armed) != maxGuarded || len(g.order) != maxGuarded {
		t.Errorf("%d are remembered, in an order of %d", len(g.armed), len(g.order))
	}
	file := [sha1.Size]byte{1}
	if g.spend("c", "x", file) || !g.spend("c", strings.Repeat("x", maxGuarded+10), file) {
		t.Error("it is not the oldest that goes")
	}
	now = now.Add(time.Minute)
	g.arm("c", "/fresh")
	if len(g.armed) != 1 || len(g.order) != 1 || !g.spend("c", "/fresh", file) || g.spend("c", "/fresh", file) {
		t.Error("what is old does not make room, or a guard works twice")
	}
}
