package tree

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"postern/vfs"
)

// TestConflictNamesFit: the name of a conflict copy fits on every disk that the original fits on, and keeps its ending.
func TestConflictNamesFit(t *testing.T) {
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		stem string
		most int
	}{{"report", 255}, {strings.Repeat("n", 251), 255}, {strings.Repeat("ü", 125), 255},
		{strings.Repeat("n", 252), vfs.MaxName}, {strings.Repeat("n", vfs.MaxName-4), vfs.MaxName}} {
		seen := map[string]bool{}
		for n := 1; n < 12; n++ {
			name := conflictName(c.stem+".odt", strings.Repeat("d", maxDeviceInName), day, n)
			if len(name) > c.most || !utf8.ValidString(name) || !strings.HasSuffix(name, ").odt") || seen[name] {
				t.Errorf("%d bytes: %q", len(name), name)
			}
			seen[name] = true
		}
	}
}
