package crypto

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
)

// secrets returns one value of each secret type, all made of the byte 0xA5, in every form that could leak.
func secrets() map[string]any {
	var raw [32]byte
	for i := range raw {
		raw[i] = 0xA5
	}
	return map[string]any{
		"NodeKey":       NodeKey(raw),
		"MetaKey":       MetaKey(raw),
		"BytesKey":      BytesKey(raw),
		"ReadKey":       ReadKey(raw),
		"FrameKey":      FrameKey(raw),
		"AccountSecret": AccountSecret(raw),
		"WriterKey":     NewWriterKey(raw),
		"AuthorKey":     NewAuthorKey(raw),
		"Login":         Login{writer: NewWriterKey(raw), reader: ReadKey(raw)},
		"SpaceSecret":   SpaceSecret(raw),
		"WriterSeed":    WriterSeed(raw),
		"Capability":    Capability{Read: ReadKey(raw), Writer: WriterSeed(raw)},
		"MeetKey":       MeetKey(raw),
		"HolderSeed":    HolderSeed(raw),
		"LinkSeed":      LinkSeed(raw),
		"LinkSecret":    LinkSecret(raw),
		"Link":          Link{Pointer: raw, Secret: raw},
	}
}

// leaks reports whether a text shows 0xA5 repeatedly: in hexadecimal, decimal, octal, quoted or raw.
func leaks(s string) bool {
	for _, shape := range []string{"a5a5", "A5A5", "a5 a5", "165 165", "165,165", "0xa5, 0xa5", "245 245", `\xa5\xa5`,
		"\xa5\xa5", "paWl", "10100101 10100101", "¥¥", "'¥' '¥'"} {
		if strings.Contains(s, shape) {
			return true
		}
	}
	return false
}

func TestSecretsDoNotPrint(t *testing.T) {
	for name, secret := range secrets() {
		t.Run(name, func(t *testing.T) {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%b", "%o", "%c", "%U",
				"%08v"} {
				if got := fmt.Sprintf(verb, secret); !strings.Contains(got, redacted) || leaks(got) {
					t.Errorf("%s prints %q", verb, got)
				}
			}
			for _, got := range []string{
				fmt.Sprint(secret),
				fmt.Sprintln(struct{ Key any }{secret}),
				fmt.Sprintf("%v", []any{secret}),
				fmt.Errorf("failed with %v", secret).Error(),
			} {
				if leaks(got) {
					t.Errorf("printed as %q", got)
				}
			}
			type speaker interface {
				fmt.Stringer
				fmt.GoStringer
			}
			if s := secret.(speaker); s.String() != redacted || s.GoString() != redacted {
				t.Errorf("String %q, GoString %q", s.String(), s.GoString())
			}
		})
	}
}

func TestSecretsDoNotLog(t *testing.T) {
	for name, secret := range secrets() {
		var text, jsonText bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&jsonText, nil)} {
			slog.New(h).Info("message", "key", secret, "inside", struct{ Key any }{secret})
		}
		for _, got := range []string{text.String(), jsonText.String()} {
			if leaks(got) || !strings.Contains(got, redacted) {
				t.Errorf("%s logs as %s", name, got)
			}
		}
	}
}

func TestSecretsAreNotText(t *testing.T) {
	for name, secret := range secrets() {
		if b, err := json.Marshal(secret); err == nil {
			t.Errorf("%s becomes JSON: %s", name, b)
		}
	}
}

// The test above relies on this detector.
func TestLeaksNotices(t *testing.T) {
	var raw [32]byte
	for i := range raw {
		raw[i] = 0xA5
	}
	for _, verb := range []string{"%v", "%#v", "%x", "%X", "% x", "%d", "%o", "%b"} {
		if s := fmt.Sprintf(verb, raw); !leaks(s) {
			t.Errorf("%s is not noticed: %s", verb, s)
		}
	}
	if s := string(raw[:]); !leaks(s) {
		t.Errorf("raw bytes are not noticed")
	}
}

func TestRandom(t *testing.T) {
	r := seeded("random")
	a, errA := Random[NodeKey](r)
	b, errB := Random[NodeKey](r)
	if errA != nil || errB != nil || a == b || a == (NodeKey{}) {
		t.Errorf("two keys in a row: equal %v, errors %v, %v", a == b, errA, errB)
	}
	if again, err := Random[NodeKey](seeded("random")); err != nil || again != a {
		t.Errorf("the same randomness gives another key; error %v", err)
	}
	for left := range KeySize {
		k, err := Random[NodeKey](&brokenRandom{left})
		wantKind(t, err, errNoRandomness, fmt.Sprintf("%d bytes of randomness", left))
		if k != (NodeKey{}) {
			t.Errorf("%d bytes of randomness: a key all the same", left)
		}
	}
	_, err := Random[NodeKey](bytes.NewReader(make([]byte, KeySize-1)))
	wantKind(t, err, io.ErrUnexpectedEOF, "a reader that ends early")
}
