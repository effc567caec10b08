package dav

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/crypto/alloctest"
	"postern/vfs"
	"postern/vfs/vfstest"
)

// FuzzIf: an accepted header has conditions in every list, and its canonical form parses to the same value.
func FuzzIf(f *testing.F) {
	for _, s := range []string{"(<urn:a>)", `</x> (Not <urn:a> ["e"]) (<DAV:no-lock>)`, `([W/"]"])`, "(", "</x>",
		"(Not)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		alloctest.Check(t, len(s), func() {
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
	})
}

// FuzzHeaders: no value breaks a parser, and all parsed values are within bounds.
func FuzzHeaders(f *testing.F) {
	for _, s := range []string{"0", "1,noroot", "Second-600", "Infinite, Second-1", "1234567890.5",
		"Sun, 06 Nov 1994 08:49:37 GMT",
		"SHA1:00 MD5:ff", "http://127.0.0.1/files/a%20b", "/files/%2e%2e/%00", `W/"a", "b"`, "http://[::1]:80/x", "//host/x",
		"http:a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		alloctest.Check(t, len(s), func() {
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
				if !strings.HasPrefix(got.path, "/") || strings.Contains(got.path, "\x00") ||
					strings.Contains(got.path+"/", "/../") {
					t.Errorf("%q leads to %q", s, got.path)
				}
			}
		})
	})
}

// FuzzXML: every accepted body can be written out again, and no body breaks a parser.
func FuzzXML(f *testing.F) {
	for _, s := range []string{
		`<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/><x:y xmlns:x="urn:x"/></D:prop></D:propfind>`,
		`<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><D:lastmodified>5</D:lastmodified><a xml:lang="de">b<c/></a>` +
			`</D:prop></D:set><D:remove><D:prop><D:getetag/></D:prop></D:remove></D:propertyupdate>`,
		`<lockinfo xmlns="DAV:"><lockscope><shared/></lockscope><locktype><write/></locktype><owner><href>x</href></owner>` +
			`</lockinfo>`,
		`<x:y xmlns:x=""/>`, `<!DOCTYPE a><a/>`, `<a b="1" b="2"/>`, "\xef\xbb\xbf<a/>", `<a><![CDATA[x]]></a>`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		alloctest.Check(t, len(raw), func() { fuzzXML(t, raw) })
	})
}

func fuzzXML(t *testing.T, raw []byte) {
	root, err := parseXML(raw)
	if err != nil || root == nil {
		return
	}
	inner, ok := root.inner(DefaultMaxXML)
	if _, err := parseXML([]byte("<v>" + inner + "</v>")); ok && err != nil && !errors.Is(err, errMany) {
		t.Fatalf("%q is written as %q: %v", raw, inner, err)
	}
	parsePropfind(root)
	parseLockInfo(root)
	p, err := parseProppatch(root, vfs.Info{Modified: time.Unix(0, 0)})
	if err == nil && !p.refused() && len(p.patch.Set)+len(p.patch.Remove) > len(p.names) {
		t.Fatalf("%q: more is done than asked for", raw)
	}
}

// FuzzRequest sends whole requests: none breaks the handler, every answer has a proper status, and every XML is
// well-formed.
func FuzzRequest(f *testing.F) {
	f.Add("PROPFIND", "/files/a", "Depth", "1", "")
	f.Add("PROPPATCH", "/files/a", "If", "(<urn:x>)",
		`<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x:y xmlns:x="urn:x">1</x:y></D:prop></D:set></D:propertyupdate>`)
	f.Add("LOCK", "/files/new", "Timeout", "Second-5",
		`<lockinfo xmlns="DAV:"><lockscope><shared/></lockscope><locktype><write/></locktype></lockinfo>`)
	f.Add("MOVE", "/files/a", "Destination", "http://example.com/files/b", "")
	f.Add("COPY", "/files/d/", "Destination", "/files/%e9", "")
	f.Add("GET", "/files/a", "Range", "bytes=0-0,2-,-1", "")
	f.Add("PUT", "/files/a%2f", "OC-Checksum", "MD5:", "x")
	f.Fuzz(func(t *testing.T, method, target, header, value, body string) {
		alloctest.Check(t, len(method)+len(target)+len(header)+len(value)+len(body), func() {
			u, err := url.ParseRequestURI(target)
			if err != nil || !strings.HasPrefix(target, "/") {
				return
			}
			fs := vfstest.NewModel(vfstest.ModelOptions{})
			h, err := New(fs, Options{Patience: -1})
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("GET", "/", strings.NewReader(body))
			r.Method, r.URL, r.RequestURI = method, u, target
			for _, setup := range []string{"/files/d", "/files/d/\x01é"} {
				if err := fs.Mkdir(t.Context(), setup, nil); err != nil {
					t.Fatal(err)
				}
			}
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("PUT", "/files/a", strings.NewReader("abc")))
			r.Header.Set(header, value)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code < 200 || w.Code > 599 || w.Code == 500 {
				t.Fatalf("%s %s: %d %s", method, target, w.Code, w.Body)
			}
			if !strings.HasPrefix(w.Header().Get("Content-Type"), "application/xml") || w.Body.Len() == 0 || method == "GET" {
				return
			}
			for dec := xml.NewDecoder(w.Body); ; {
				_, err := dec.Token()
				if err == io.EOF {
					return
				}
				if err != nil {
					t.Fatalf("%s %s: %v", method, target, err)
				}
			}
		})
	})
}
