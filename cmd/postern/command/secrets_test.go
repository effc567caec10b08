package command

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	alloc "postern/crypto/alloctest"
)

// FuzzPassphraseFile: a passphrase is the whole first line of its file, or the file is refused by its name.
func FuzzPassphraseFile(f *testing.F) {
	f.Add([]byte("correct horse battery staple\nmore\n"))
	f.Add([]byte("no end of line"))
	f.Add([]byte("of Windows\r\n"))
	f.Add([]byte("\n"))
	f.Add(bytes.Repeat([]byte("x"), maxSecret))
	f.Add(bytes.Repeat([]byte("x"), maxSecret+1))
	f.Fuzz(func(t *testing.T, text []byte) {
		alloc.Check(t, len(text), func() {
			file := filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			p := &Program{Getenv: func(string) string { return "" }}
			got, err := p.ReadSecret(t.Context(), Secret{What: "passphrase", File: file})
			if err != nil {
				if got != "" || !strings.Contains(err.Error(), file) {
					t.Fatalf("%q, %v", got, err)
				}
				return
			}
			line, _, _ := strings.Cut(string(text), "\n")
			if got != strings.TrimSuffix(line, "\r") || got == "" {
				t.Fatalf("%q is read as %q", text, got)
			}
		})
	})
}

// FuzzWordsFile: all words of a file are read, up to a bound.
func FuzzWordsFile(f *testing.F) {
	f.Add([]byte("abandon ability\r\nable\tabout\n"))
	f.Add([]byte("\xff\xfe\x00a"))
	f.Add(bytes.Repeat([]byte("word "), 2000))
	f.Fuzz(func(t *testing.T, text []byte) {
		alloc.Check(t, len(text), func() {
			file := filepath.Join(t.TempDir(), "words")
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			in, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			got, err := (&Program{Terminal: Terminal{In: in}}).ReadWords(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(text) <= maxSecret && !slices.Equal(got, strings.Fields(string(text))) {
				t.Fatalf("%q is read as %q", text, got)
			}
			if len(strings.Join(got, " ")) > 3*maxSecret {
				t.Fatalf("%d words", len(got))
			}
		})
	})
}
