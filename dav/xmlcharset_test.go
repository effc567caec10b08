package dav_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
)

func inUTF16(s string, order binary.AppendByteOrder, mark bool) string {
	var b []byte
	if mark {
		b = order.AppendUint16(b, 0xfeff)
	}
	for _, c := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, c)
	}
	return string(b)
}

// TestXMLEncodings: bodies of all methods with XML, in each encoding that XML software writes (RFC 4918, 19).
func TestXMLEncodings(t *testing.T) {
	latin := func(s string) string { return strings.ReplaceAll(s, "ü", "\xfc") }
	same := func(s string) string { return s }
	const be, le = true, false
	utf16 := func(big, mark bool) func(string) string {
		return func(s string) string {
			if big {
				return inUTF16(s, binary.BigEndian, mark)
			}
			return inUTF16(s, binary.LittleEndian, mark)
		}
	}
	for _, tt := range []struct {
		name, declaration, contentType string
		encode                         func(string) string
		ascii                          bool // has no ü
	}{
		{"UTF-8 by default", "", "", same, false},
		{"UTF-8 with a mark", "", "", func(s string) string { return "\ufeff" + s }, false},
		{"UTF-8 with mark and declaration", "utf-8", "", func(s string) string { return "\ufeff" + s }, false},
		{"UTF-8 in capitals", "UTF-8", "application/xml", same, false},
		{"UTF-16 BE with a mark", "", "", utf16(be, true), false},
		{"UTF-16 LE with a mark", "", "", utf16(le, true), false},
		{"UTF-16 BE with mark and declaration", "UTF-16", "", utf16(be, true), false},
		{"UTF-16 LE with mark and declaration", "UTF-16", "text/xml; charset=utf-16", utf16(le, true), false},
		{"UTF-16 BE declared", "UTF-16BE", "", utf16(be, false), false},
		{"UTF-16 LE declared", "utf-16le", "", utf16(le, false), false},
		{"UTF-16 LE with nothing", "", "", utf16(le, false), false},
		{"UTF-16 BE with nothing", "", "", utf16(be, false), false},
		{"UTF-16 LE, and a header that says UTF-8", "utf-16", "application/xml; charset=utf-8", utf16(le, true), false},
		{"US-ASCII", "US-ASCII", "", same, true},
		{"ASCII by the header", "", "text/xml; charset=us-ascii", same, true},
		{"ISO-8859-1", "ISO-8859-1", "", latin, false},
		{"ISO-8859-1 in small letters and other quotes", "iso-8859-1' standalone='yes", "", latin, false},
		{"ISO-8859-1 by the header", "", `application/xml; charset="ISO-8859-1"`, latin, false},
		{"ISO-8859-15", "ISO-8859-15", "", latin, false},
		{"windows-1252", "windows-1252", "", latin, false},
		{"a header goes before the declaration", "utf-8", "application/xml; charset=iso-8859-1", latin, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const folded = "ü"
			value := folded
			if tt.ascii {
				value = "u"
			}
			body := func(xml string) string {
				if tt.declaration != "" {
					xml = "<?xml version='1.0' encoding='" + tt.declaration + "'?>\n" + xml
				}
				return tt.encode(strings.ReplaceAll(xml, folded, value))
			}
			var headers []string
			if tt.contentType != "" {
				headers = []string{"Content-Type: " + tt.contentType}
			}
			d := newDrive(t, "/files/f")
			d.do("PROPPATCH", "/files/f", body(patch("<x:ü>aü</x:ü>")), headers...).want(207, "200 OK")
			d.do("PROPFIND", "/files/f", body(prop("x:ü")), append(headers, "Depth: 0")...).want(207, "a"+value+"</x:"+value+">")
			lock := strings.ReplaceAll(lockBody("exclusive"), "<D:owner>me", "<D:owner>üü")
			d.do("LOCK", "/files/f", body(lock), headers...).want(200, "<D:owner>"+value+value+"</D:owner>")
			if got := d.info("/files/f").Properties; len(got) != 1 || got[0].Value != "a"+value || got[0].Name.Local != value {
				t.Errorf("stored: %q", got)
			}
		})
	}
}

// TestXMLEncodingsRefused: a body with bytes outside its declared encoding is refused with the reason, and nothing of
// it is stored.
func TestXMLEncodingsRefused(t *testing.T) {
	declared := func(encoding, value string) string {
		return "<?xml version='1.0' encoding='" + encoding + "'?>" + patch("<x:p>"+value+"</x:p>")
	}
	wide := inUTF16(patch("<x:p>v</x:p>"), binary.LittleEndian, true)
	for name, body := range map[string]string{
		"Latin-1 that says UTF-8":   declared("utf-8", "\xfc"),
		"Latin-1 that says nothing": patch("<x:p>\xfc</x:p>"),
		"UTF-8 that says ASCII":     declared("us-ascii", "ü"),
		"unknown":                   declared("EBCDIC-CP-NL", "v"),
		"UTF-7":                     declared("UTF-7", "+AOQ-"),
		"half a unit":               wide + "\x00",
		"a lone surrogate":          strings.Replace(wide, "v\x00", "\x00\xd8", 1),
		"a low surrogate first":     strings.Replace(wide, "v\x00", "\x00\xdc", 1),
		"a surrogate at the end":    wide + "\x00\xd8",
		"a byte that is none":       declared("windows-1252", "\x81"),
	} {
		d := newDrive(t, "/files/f")
		d.do("PROPPATCH", "/files/f", body).want(400, "not well-formed")
		if got := d.info("/files/f").Properties; len(got) != 0 {
			t.Errorf("%s: stored %q", name, got)
		}
	}
}
