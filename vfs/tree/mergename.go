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
	// maxExtension is the longest extension of a name in bytes, with its dot.
	maxExtension = 16
	// maxOnDisks is the longest name, in bytes, that nearly all filesystems accept. A file that a syncing client could
	// store stays storable under its new name.
	maxOnDisks = 255
	// maxDeviceInName bounds a device's part of a name, in bytes.
	maxDeviceInName = 64
)

// ConflictName returns the name of the n-th entry that lost its name to another one. For n = 0 that is the name itself.
func ConflictName(name, deviceName string, day time.Time, n int) string {
	if n == 0 {
		return name
	}
	return conflictName(name, device(deviceName), day, n)
}

// conflictName returns the name of the n-th file that lost its name to another one, for equal name, device and day:
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

// shortened returns s cut to at most limit bytes, between characters.
func shortened(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// device returns the name of a device in a form that is valid in file names on all systems.
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
