package vfs

import (
	"strings"
	"unicode/utf8"
)

// rawBase + b is the private-use character that stands in a name for the byte b, 0x80 to 0xFF, when a client's bytes
// are not valid UTF-8. All of these characters share their first two bytes of UTF-8, rawLead.
const (
	rawBase  = 0x10FE00
	rawFirst = rawBase + 0x80
	rawLast  = rawBase + 0xFF
	rawLead  = "\xf4\x8f"
)

// NameFromRaw returns the name, or path, for the bytes that a client sends. Valid UTF-8 stays unchanged. Each byte that
// is not part of valid UTF-8 becomes a character of its own, as do the bytes of those characters if a client sends them
// literally: so different bytes always have different names.
func NameFromRaw(raw string) string {
	if utf8.ValidString(raw) && !strings.Contains(raw, rawLead) {
		return raw
	}
	var b strings.Builder
	for raw != "" {
		r, size := utf8.DecodeRuneInString(raw)
		if r == utf8.RuneError && size == 1 || isRaw(r) {
			for i := range size {
				b.WriteRune(rawBase + rune(raw[i]))
			}
		} else {
			b.WriteString(raw[:size])
		}
		raw = raw[size:]
	}
	return b.String()
}

// RawPath is the inverse of NameFromRaw. A name that NameFromRaw can't produce stays unchanged: its bytes then lead to
// another name, never to one that is in use.
func RawPath(path string) string {
	return mapRaw(path, func(name string) string {
		raw := mapRunes(name, func(b []byte, r rune) []byte { return append(b, byte(r-rawBase)) })
		if NameFromRaw(raw) != name {
			return name
		}
		return raw
	})
}

// ReadablePath returns a path for display: a byte that is not UTF-8 is shown as \xE9. Different paths may look the
// same.
func ReadablePath(path string) string {
	return mapRaw(path, func(name string) string {
		return mapRunes(name, func(b []byte, r rune) []byte {
			const digits = "0123456789ABCDEF"
			return append(b, '\\', 'x', digits[byte(r)>>4], digits[byte(r)&15])
		})
	})
}

func isRaw(r rune) bool { return rawFirst <= r && r <= rawLast }

// mapRaw applies do to each name of a path that has characters for raw bytes.
func mapRaw(path string, do func(name string) string) string {
	if !strings.Contains(path, rawLead) {
		return path
	}
	names := strings.Split(path, "/")
	for i, name := range names {
		if strings.ContainsFunc(name, isRaw) {
			names[i] = do(name)
		}
	}
	return strings.Join(names, "/")
}

// mapRunes returns the name with each character for a raw byte replaced by what do appends.
func mapRunes(name string, do func(b []byte, r rune) []byte) string {
	b := make([]byte, 0, len(name))
	for name != "" {
		r, size := utf8.DecodeRuneInString(name)
		if isRaw(r) {
			b = do(b, r)
		} else {
			b = append(b, name[:size]...)
		}
		name = name[size:]
	}
	return string(b)
}
