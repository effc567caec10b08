package dav

import "unicode/utf8"

const (
	xmlType = "application/xml; charset=utf-8"
	xmlHead = `<?xml version="1.0" encoding="utf-8"?>`
)

// appendText appends character data. Characters that XML 1.0 does not allow, escaped or not, become U+FFFD.
func appendText(b []byte, s string) []byte { return appendXML(b, s, false) }

// appendAttr appends the value of an attribute between double quotes.
func appendAttr(b []byte, s string) []byte { return appendXML(b, s, true) }

func appendXML(b []byte, s string, attr bool) []byte {
	for _, r := range s {
		switch {
		case r == '&':
			b = append(b, "&amp;"...)
		case r == '<':
			b = append(b, "&lt;"...)
		case r == '>':
			b = append(b, "&gt;"...)
		case r == '\r':
			b = append(b, "&#13;"...)
		case attr && r == '"':
			b = append(b, "&#34;"...)
		case attr && r == '\n':
			b = append(b, "&#10;"...)
		case attr && r == '\t':
			b = append(b, "&#9;"...)
		case !validXML(r):
			b = append(b, "\uFFFD"...)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

// validXML reports whether XML 1.0 has the character (production 2).
func validXML(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD ||
		r >= 0x10000 && r <= 0x10FFFF
}
