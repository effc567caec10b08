package home

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"postern/crypto/alloctest"
)

// random is a reader of bytes that look random and are always the same.
func random(seed string) *bytes.Reader {
	var out []byte
	sum := sha256.Sum256([]byte(seed))
	for range 8 {
		out = append(out, sum[:]...)
		sum = sha256.Sum256(sum[:])
	}
	return bytes.NewReader(out)
}

func TestAccountRoundTrip(t *testing.T) {
	h := made(t)
	if _, err := h.ReadAccount(); !errors.Is(err, ErrNoAccount) {
		t.Fatalf("an empty home: %v", err)
	}
	a, err := NewAccount("alice", `disk:/a "b"\c`, random("alice"))
	if err != nil {
		t.Fatal(err)
	}
	if !a.Unfinished || a.Passphrase || a.DeviceName == "" || a.Device == (DeviceID{}) {
		t.Errorf("a new account: %+v", a)
	}
	for _, change := range []func(){func() {}, func() { a.Unfinished, a.Passphrase = false, true },
		func() { a.DeviceName = "größe" }} {
		change()
		if err := h.WriteAccount(a); err != nil {
			t.Fatal(err)
		}
		got, err := h.ReadAccount()
		if err != nil || got != a {
			t.Fatalf("read back %+v, %v; want %+v", got, err, a)
		}
	}
	if info, err := os.Stat(h.Account()); err != nil || !private(info) {
		t.Errorf("the account is open to others: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(string(h), ".account*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files were left: %v %v", left, err)
	}
}

func TestAccountDamaged(t *testing.T) {
	h := made(t)
	a, err := NewAccount("alice", "", random("alice"))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.WriteAccount(a); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(h.Account())
	if err != nil {
		t.Fatal(err)
	}
	secret := string(good[bytes.Index(good, []byte("secret = '"))+10:][:64])
	edit := func(from, to string) string { return strings.Replace(string(good), from, to, 1) }
	flipped := "0"
	if secret[0] == '0' {
		flipped = "1"
	}
	for name, c := range map[string]struct{ text, says string }{
		"empty":             {"", "version 0"},
		"cut short":         {string(good[:len(good)/2]), ""},
		"newer version":     {edit("version = 1", "version = 2"), "version 2"},
		"unknown key":       {string(good) + "x = 1\n", `"x"`},
		"short secret":      {edit(secret, secret[:62]), "62 characters"},
		"no hex":            {edit(secret, strings.Repeat("z", 64)), "hex"},
		"other secret":      {edit(secret, flipped+secret[1:]), "check sum"},
		"other user":        {edit("alice", "bob"), "check sum"},
		"bad user":          {edit("alice", "Alice!"), "user name"},
		"not TOML":          {"\x00\x01", ""},
		"finished by hand":  {edit("unfinished = true", "unfinished = false"), "check sum"},
		"twice":             {string(good) + string(good), ""},
		"number for string": {edit("user = 'alice'", "user = 7"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(h.Account(), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := h.ReadAccount()
			sentenceWith(t, err, h.Account(), "damaged", c.says, "postern recover")
			if strings.Contains(err.Error(), secret[:16]) {
				t.Errorf("the error shows the secret: %v", err)
			}
			if now, err := os.ReadFile(h.Account()); err != nil || string(now) != c.text {
				t.Errorf("the damaged file was touched: %v", err)
			}
		})
	}
}

func TestAccountOpenToOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such bits")
	}
	h := made(t)
	a, err := NewAccount("alice", "", random("alice"))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.WriteAccount(a); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(h.Account(), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = h.ReadAccount()
	sentenceWith(t, err, h.Account(), "chmod 600")
}

// FuzzAccount: no text makes parsing panic, and what parses is written as it was meant.
func FuzzAccount(f *testing.F) {
	f.Add([]byte("version = 1\n"))
	f.Add([]byte("version = 1\nuser = 'alice'\nsecret = ''\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		alloctest.Check(t, len(text), func() {
			a, err := parseAccount(text)
			if err != nil {
				return
			}
			h := made(t)
			if err := h.WriteAccount(a); err != nil {
				t.Fatal(err)
			}
			if got, err := h.ReadAccount(); err != nil || got != a {
				t.Fatalf("%+v came back as %+v, %v", a, got, err)
			}
		})
	})
}

func TestAccountAnyFields(t *testing.T) {
	h := made(t)
	rapid.Check(t, func(t *rapid.T) {
		a := Account{
			User:       rapid.StringMatching(`[a-z0-9]([a-z0-9._-]{0,10}[a-z0-9])?`).Draw(t, "user"),
			Remote:     rapid.String().Draw(t, "remote"),
			DeviceName: rapid.String().Draw(t, "device"),
			Passphrase: rapid.Bool().Draw(t, "passphrase"), Unfinished: rapid.Bool().Draw(t, "unfinished"),
		}
		copy(a.Secret[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret"))
		copy(a.Device[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		if err := h.WriteAccount(a); err != nil {
			t.Fatal(err)
		}
		if got, err := h.ReadAccount(); err != nil || got != a {
			t.Fatalf("%+v came back as %+v, %v", a, got, err)
		}
	})
}
