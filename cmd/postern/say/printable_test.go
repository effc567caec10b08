package say

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"unicode"

	"postern/crypto/alloctest"
)

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"plain name.txt":        "plain name.txt",
		"日本語 Ålesund":           "日本語 Ålesund",
		"a\nb":                  `a\nb`,
		"\x1b[31mred\x1b]0;t\a": `\x1b[31mred\x1b]0;t\a`,
		"\u009b31m":             `\u009b31m`,
		"\u202egpj.exe":         `\u202egpj.exe`,
		"latin \xe9\xff":        `latin \xe9\xff`,
		"\r\x00\x7f":            `\r\x00\x7f`,
		"no\u00a0break":         "no\u00a0break",
		"'quoted' \\ \"kept\"":  "'quoted' \\ \"kept\"",
	} {
		if got := Printable(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

// TestLogsArePrintable: the handler that the gateway logs with escapes as much.
func TestLogsArePrintable(t *testing.T) {
	var out bytes.Buffer
	hostile := "/files/a\nlevel=ERROR msg=forged \x1b[2J\u202e"
	slog.New(slog.NewTextHandler(&out, nil)).Info(hostile, "path", hostile, "error", errors.New(hostile))
	line := strings.TrimSuffix(out.String(), "\n")
	if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("the log holds %q", line)
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b[0m\n")
	f.Fuzz(func(t *testing.T, text string) {
		alloctest.Check(t, len(text), func() {
			if got := Sprintf("%s|%v", text, errors.New(text)); strings.ContainsFunc(got, obeyed) {
				t.Errorf("%q is shown as %q", text, got)
			}
		})
	})
}
