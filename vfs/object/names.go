package object

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"postern/vfs"
)

// ValidName reports whether a file or folder may have the name: 1 to vfs.MaxName bytes of UTF-8 without '/' and NUL,
// and neither "." nor "..".
func ValidName(name string) bool {
	return name != "" && len(name) <= vfs.MaxName && name != "." && name != ".." &&
		!strings.ContainsAny(name, "/\x00") && utf8.ValidString(name)
}

// SortKey returns the key by which names are compared and sorted, byte by byte: the name in Unicode normalisation form
// C.
func SortKey(name string) string {
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return norm.NFC.String(name)
		}
	}
	return name // ASCII is always normalised
}
