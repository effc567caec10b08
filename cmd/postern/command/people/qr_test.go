package people

import (
	"strings"
	"testing"
)

// TestQRCode: a code has a light margin and the three marks in its corners.
func TestQRCode(t *testing.T) {
	code := qrCode("HELLO")
	lines := strings.Split(strings.TrimSuffix(code, "\n"), "\n")
	if len(lines) != 13 { // 21 modules and the margin, two a line
		t.Fatalf("%d lines:\n%s", len(lines), code)
	}
	const edge = "\x1b[30;107m"
	if strings.Trim(strings.TrimSuffix(strings.TrimPrefix(lines[0], edge), "\x1b[0m"), " ") != "" {
		t.Errorf("the margin is not light: %q", lines[0])
	}
	if top := strings.TrimPrefix(lines[1], edge+"  "); !strings.HasPrefix(top, "█▀▀▀▀▀█") ||
		!strings.HasSuffix(top, "█▀▀▀▀▀█  \x1b[0m") {
		t.Errorf("no marks in the upper corners: %q", top)
	}
	if qrCode(strings.Repeat("A", 10_000)) != "" {
		t.Error("a text that is too long has a code")
	}
}
