package home

import (
	"strings"
	"unicode"
)

// maxDeviceName keeps the names of conflict copies short, in characters.
const maxDeviceName = 32

// DeviceName makes a short name of this machine's that can stand in a file name; "device" where there is none.
func DeviceName(hostname func() (string, error)) string {
	name, err := hostname()
	if err != nil {
		return "device"
	}
	name, _, _ = strings.Cut(name, ".")
	name = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_' {
			return r
		}
		return -1
	}, name)
	if runes := []rune(name); len(runes) > maxDeviceName {
		name = string(runes[:maxDeviceName])
	}
	if name == "" {
		return "device"
	}
	return name
}
