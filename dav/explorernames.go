package dav

import (
	"strings"
	"unicode/utf8"
)

// Windows rejects a whole listing if one name in it has a character that its own filesystems do not support. Windows,
// and only Windows, gets such characters as the private-use characters U+F000 + c, as with Services for Macintosh,
// Samba and rclone, and they are mapped back when it names a file. (A name that really has U+F03A cannot be opened from
// Windows; such names do not occur.) In names of devices, which Windows lists and cannot open, the first letter is
// mapped.
const privateUse = 0xF000

func reservedInWindows(c rune) bool { return c < ' ' && c > 0 || strings.ContainsRune(`\:*?"<>|`, c) }

// toWindows maps each name of a path.
func toWindows(p string) string {
	names := strings.Split(p, "/")
	changed := false
	for i, name := range names {
		if mapped := nameToWindows(name); mapped != name {
			names[i], changed = mapped, true
		}
	}
	if !changed {
		return p
	}
	return strings.Join(names, "/")
}

func nameToWindows(name string) string {
	mapped := strings.Map(func(c rune) rune {
		if reservedInWindows(c) {
			return c + privateUse
		}
		return c
	}, name)
	// Windows removes dots and spaces at the end.
	if end := len(mapped) - 1; end >= 0 && (mapped[end] == '.' || mapped[end] == ' ') && mapped != "." && mapped != ".." {
		mapped = mapped[:end] + string(rune(mapped[end])+privateUse)
	}
	if isDevice(mapped) {
		mapped = string(rune(mapped[0])+privateUse) + mapped[1:]
	}
	return mapped
}

// isDevice reports whether Windows treats a name as a device in any folder: CON, aux.txt, Com1.tar.gz.
func isDevice(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	base = strings.TrimRight(base, " ")
	if len(base) < 3 || len(base) > len("conout$") {
		return false
	}
	switch base = strings.ToLower(base); base {
	case "con", "prn", "aux", "nul", "conin$", "conout$":
		return true
	}
	return len(base) == len("com1") && (base[:3] == "com" || base[:3] == "lpt") && '0' <= base[3] && base[3] <= '9'
}

// fromWindows is the inverse for one name.
func fromWindows(name string) string {
	name = strings.Map(func(c rune) rune {
		if o := c - privateUse; c > privateUse && (reservedInWindows(o) || o == '.' || o == ' ') {
			return o
		}
		return c
	}, name)
	if c, size := utf8.DecodeRuneInString(name); c > privateUse && c < privateUse+utf8.RuneSelf {
		if device := string(c-privateUse) + name[size:]; isDevice(device) {
			return device
		}
	}
	return name
}
