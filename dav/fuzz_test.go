package dav

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"postern/vfs"
)

// FuzzIf: what is accepted has conditions in every list, and its canonical form reads the same.
func FuzzIf(f *testing.F) {
	for _, s := range []string{"(<urn:a>)", `</x> (Not <urn:a> ["e"]) (<DAV:no-lock>)`, `([W/"]"])`, "(", "</x>", "(Not)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, ok := parseIf([]string{s})
		if !ok {
			return
		}
		var b strings.Builder
		for _, l := range h {
			if len(l.conditions) == 0 {
				t.Fatalf("%q: an empty list", s)
			}
			if l.tag != "" {
				b.WriteString("<" + l.tag + ">")
			}
			b.WriteString("(")
			for _, c := range l.conditions {
				if (c.Token == "") == (c.ETag == "") {
					t.Fatalf("%q: a condition of neither or both kinds", s)
				}
				if c.Not {
					b.WriteString("Not ")
				}
				if c.Token != "" {
					b.WriteString("<" + c.Token + ">")
				} else {
					b.WriteString("[" + c.ETag + "]")
				}
			}
			b.WriteString(")")
		}
		again, ok := parseIf([]string{b.String()})
		if !ok || len(again) != len(h) || len(again.tokens()) != len(h.tokens()) {
			t.Fatalf("%q reads as %q", s, b.String())
		}
	})
}

// FuzzHeaders: no value breaks a parser, and what comes out is within bounds.
func FuzzHeaders(f *testing.F) {
	for _, s := range []string{"0", "1,noroot", "Second-600", "Infinite, Second-1", "1234567890.5", "Sun, 06 Nov 1994 08:49:37 GMT",
		"SHA1:00 MD5:ff", "http://127.0.0.1/files/a%20b", "/files/%2e%2e/%00", `W/"a", "b"`, "http://[::1]:80/x", "//host/x", "http:a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		parseDepth(s)
		parseChecksums(s)
		if d := parseTimeout(s); d < 0 {
			t.Errorf("timeout %v", d)
		}
		if when, ok := parseTime(s); ok && (when.Year() < 1 || when.Year() > 9999) {
			t.Errorf("year %d can't be written", when.Year())
		}
		matches([]string{s}, state{exists: true}, true)
		r := httptest.NewRequest("MOVE", "/", nil)
		for _, who := range []profile{{}, {windows: true}} {
			got, err := resolve(s, r, who)
			if err != nil {
				continue
			}
			if !strings.HasPrefix(got.path, "/") || strings.Contains(got.path, "\x00") || strings.Contains(got.path+"/", "/../") {
				t.Errorf("%q leads to %q", s, got.path)
			}
		}
	})
}

// FuzzXML: whatever is accepted can be written out again, and no body breaks a parser.
func FuzzXML(f *testing.F) {
	for _, s := range []string{
		`<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/><x:y xmlns:x="urn:x"/></D:prop></D:propfind>`,
		`<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><D:lastmodified>5</D:lastmodified><a xml:lang="de">b<c/></a></D:prop></D:set><D:remove><D:prop><D:getetag/></D:prop></D:remove></D:propertyupdate>`,
		`<lockinfo xmlns="DAV:"><lockscope><shared/></lockscope><locktype><write/></locktype><owner><href>x</href></owner></lockinfo>`,
		`<x:y xmlns:x=""/>`, `<!DOCTYPE a><a/>`, `<a b="1" b="2"/>`, "\xef\xbb\xbf<a/>", `<a><![CDATA[x]]></a>`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		root, err := parseXML(raw)
		if err != nil || root == nil {
			return
		}
		if _, err := parseXML([]byte("<v>" + root.inner() + "</v>")); err != nil {
			t.Fatalf("%q is written as %q: %v", raw, root.inner(), err)
		}
		parsePropfind(root)
		parseLockInfo(root)
		p, err := parseProppatch(root, vfs.Info{Modified: time.Unix(0, 0)})
		if err == nil && !p.refused() && len(p.patch.Set)+len(p.patch.Remove) > len(p.names) {
			t.Fatalf("%q: more is done than asked for", raw)
		}
	})
}
