package carry

import (
	"crypto/rand"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
)

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.FixedZone("here", 3600))
	for text, want := range map[string]time.Time{
		"2026-11-19":           time.Date(2026, 11, 19, 0, 0, 0, 0, now.Location()),
		"2026-11-19 09:15":     time.Date(2026, 11, 19, 9, 15, 0, 0, now.Location()),
		"2026-11-19 09:15:01":  time.Date(2026, 11, 19, 9, 15, 1, 0, now.Location()),
		"2026-11-19T09:15:01Z": time.Date(2026, 11, 19, 9, 15, 1, 0, time.UTC),
		"7d":                   now.AddDate(0, 0, -7),
		"90m":                  now.Add(-90 * time.Minute),
	} {
		if got, err := parseTime(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "2026-13-01", "-1d"} {
		_, err := parseTime(text, now)
		var usage *say.UsageError
		if !errors.As(err, &usage) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestSinceATime: a time names the newest state of this drive that this device exported until then.
func TestSinceATime(t *testing.T) {
	h := home.Home(filepath.Join(t.TempDir(), "home"))
	if err := h.Make(); err != nil {
		t.Fatal(err)
	}
	own, other := newAccount(t), newAccount(t)
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, e := range []struct {
		account home.Account
		hour    int
		seq     uint64
	}{{own, 0, 1}, {own, 1, 2}, {other, 2, 3}, {own, 5, 4}} {
		when := noon.Add(time.Duration(e.hour) * time.Hour)
		if err := h.AddExport(home.Export{Time: when, Pointer: stateOf(t, e.account, e.seq).Marshal()}); err != nil {
			t.Fatal(err)
		}
	}
	now := noon.Add(6 * time.Hour)
	for since, want := range map[string]uint64{"1h": 4, "90m": 2, "4h": 2, "5h": 2, "6h": 1} {
		base, isFile, err := Since(h, own, since, now)
		if err != nil || isFile || base.Seq != want {
			t.Errorf("since %s: state %d, %v, %v; want %d", since, base.Seq, isFile, err, want)
		}
	}
	_, _, err := Since(h, own, "7h", now)
	if err == nil || !strings.Contains(err.Error(), "this device made no export until") {
		t.Errorf("before the first: %v", err)
	}
	_, _, err = Since(h, own, h.String(), now)
	if err == nil || !strings.Contains(err.Error(), "name an earlier bundle") {
		t.Errorf("a folder: %v", err)
	}
}

func newAccount(t *testing.T) home.Account {
	t.Helper()
	a, err := home.NewAccount("alice", "", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// stateOf returns a signed state of an account's drive.
func stateOf(t *testing.T, a home.Account, seq uint64) crypto.Pointer {
	t.Helper()
	writer := a.Secret.Writer()
	value, err := crypto.SealValue(a.Secret.Reader(), writer.ID(), seq, []byte("a commit"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return writer.Sign(seq, value)
}
