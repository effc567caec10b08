package tree

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"postern/vfs"
)

const (
	// maxExtension is the longest ending of a name in bytes, with its dot, that is taken for a file's type.
	maxExtension = 16
	// maxOnDisks is what nearly all disks take as a name, in bytes. What a client that syncs could keep, it can keep when
	// it had to give way.
	maxOnDisks = 255
	// maxDeviceInName bounds what a device adds to a name, in bytes.
	maxDeviceInName = 64
)

// conflictName is the name of the n-th that had to give way to another one of the same name, device and day:
// "report (conflict, laptop, 2026-11-20).odt", "report (conflict, laptop, 2026-11-20, 2).odt".
func conflictName(name, device string, day time.Time, n int) string {
	mark := fmt.Sprintf(" (conflict, %s, %s", device, day.UTC().Format(time.DateOnly))
	if n > 1 {
		mark += fmt.Sprintf(", %d", n)
	}
	mark += ")"
	stem, extension := name, ""
	if i := strings.LastIndexByte(name, '.'); i > 0 && len(name)-i <= maxExtension {
		stem, extension = name[:i], name[i:]
	}
	limit := maxOnDisks
	if len(name) > limit {
		limit = vfs.MaxName
	}
	return strings.TrimPrefix(shortened(stem, limit-len(mark)-len(extension))+mark+extension, " ")
}

// shortened is s without what is beyond limit bytes, cut between characters.
func shortened(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// device is the name of a device as it may stand in the name of a file on any system.
func device(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '-'
		}
		return r
	}, name)
	if name = strings.TrimSpace(shortened(name, maxDeviceInName)); name == "" {
		return "another device"
	}
	return name
}
