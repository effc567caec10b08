package vfs_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"postern/vfs"
)

func TestRawNames(t *testing.T) {
	for raw, want := range map[string]struct{ name, readable string }{
		"plain é 日本":   {"plain é 日本", "plain é 日本"},
		"caf\xe9":      {"caf\U0010fee9", `caf\xE9`},
		"\xff":         {"\U0010feff", `\xFF`},
		"\x80é":        {"\U0010fe80é", `\x80é`},
		"e\u0301\xe9":  {"e\u0301\U0010fee9", "e\u0301" + `\xE9`},
		"\xed\xa0\x80": {"\U0010feed\U0010fea0\U0010fe80", `\xED\xA0\x80`},
		"\xc3":         {"\U0010fec3", `\xC3`},
		"\ufffd":       {"\ufffd", "\ufffd"},
		"\U0010fee9":   {"\U0010fef4\U0010fe8f\U0010febb\U0010fea9", `\xF4\x8F\xBB\xA9`},
		"\U0010fe7f":   {"\U0010fe7f", "\U0010fe7f"},
		"\U0010ff00":   {"\U0010ff00", "\U0010ff00"},
		"a/caf\xe9/b":  {"a/caf\U0010fee9/b", `a/caf\xE9/b`},
	} {
		if got := vfs.NameFromRaw(raw); got != want.name || vfs.RawPath(got) != raw ||
			vfs.ReadablePath(got) != want.readable {
			t.Errorf("%q is %q, back %q, reads %q", raw, got, vfs.RawPath(got), vfs.ReadablePath(got))
		}
	}
}

// TestNoRawNameIsAnother checks that a name that stands for no bytes, as only another program can write, is never taken
// for another.
func TestNoRawNameIsAnother(t *testing.T) {
	const impostor = "\U0010fec3\U0010fea9" // the bytes of é, which are valid
	if got := vfs.NameFromRaw(vfs.RawPath(impostor)); got == "é" || got == impostor {
		t.Errorf("%q leads to %q", impostor, got)
	}
	if got := vfs.RawPath("/" + impostor + "/caf\U0010fee9"); got != "/"+impostor+"/caf\xe9" {
		t.Errorf("one name spoils its neighbour: %q", got)
	}
}

// TestRawNamesComeBack checks that any bytes have a name in valid UTF-8 that leads back to them, also in its composed
// form.
func TestRawNamesComeBack(t *testing.T) {
	pieces := []string{"a", "é", "e\u0301", "\xe9", "\xc3", "\xa9", "\xf4", "\x8f", "\xbb", "\xba", "\x80", "\xff",
		"\U0010fee9", "\ufffd", "/", "."}
	rapid.Check(t, func(t *rapid.T) {
		raw := strings.Join(rapid.SliceOf(rapid.SampledFrom(pieces)).Draw(t, "pieces"), "")
		name := vfs.NameFromRaw(raw)
		if !utf8.ValidString(name) || vfs.RawPath(name) != raw {
			t.Fatalf("%q is %q and comes back as %q", raw, name, vfs.RawPath(name))
		}
		if utf8.ValidString(raw) && !strings.Contains(raw, "\U0010fee9") && name != raw {
			t.Fatalf("%q became %q", raw, name)
		}
		if composed := norm.NFC.String(name); norm.NFC.String(vfs.NameFromRaw(vfs.RawPath(composed))) != composed {
			t.Fatalf("the composed form of %q is another name", raw)
		}
	})
}
