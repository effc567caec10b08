package crypto

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// login derives a login; each call costs a tenth of a second.
func login(t testing.TB, user, passphrase string) Login {
	t.Helper()
	l, err := NewLogin(user, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLoginLeadsToTheAccount(t *testing.T) {
	secret := fresh[AccountSecret](t, "account")
	l := login(t, "alice", "correct horse")
	record, err := l.SealAccount(secret, 3, seeded("login"))
	if err != nil {
		t.Fatal(err)
	}
	if err := record.Verify(); err != nil || record.Seq != 3 || record.ID != l.Writer().ID() {
		t.Errorf("record %v, sequence %d, error %v", record.ID, record.Seq, err)
	}
	again := login(t, " ALICE"[1:], "correct\u00a0horse")
	if got, err := again.OpenAccount(record); err != nil || got != secret {
		t.Errorf("from elsewhere: another account, or error %v", err)
	}
	for name, other := range map[string]Login{
		"another user":       login(t, "bob", "correct horse"),
		"another passphrase": login(t, "alice", "correct horse "),
		"no login":           {},
	} {
		if other.Writer().ID() == record.ID {
			t.Errorf("%s leads to the same record", name)
		}
		_, err := other.OpenAccount(record)
		wantKind(t, err, ErrSignature, name)
	}
}

func TestLoginRecordNoticesDamage(t *testing.T) {
	l := Login{writer: NewWriterKey(fresh[[32]byte](t, "writer")), reader: fresh[ReadKey](t, "reader")}
	record, err := l.SealAccount(fresh[AccountSecret](t, "account"), 1, seeded("login"))
	if err != nil {
		t.Fatal(err)
	}
	eachFlip(record.Marshal(), func(_ int, damaged []byte) {
		p, err := ParsePointer(damaged)
		if err != nil {
			return
		}
		if _, err := l.OpenAccount(p); !errors.Is(err, ErrSignature) {
			t.Errorf("a flipped bit: error %v", err)
		}
	})
}

func TestRetiredLogin(t *testing.T) {
	l := login(t, "alice", "the old passphrase")
	secret := fresh[AccountSecret](t, "account")
	alive, errAlive := l.SealAccount(secret, 1, seeded("alive"))
	retired, errRetired := l.Retire(2, seeded("retired"))
	if errAlive != nil || errRetired != nil {
		t.Fatal(errAlive, errRetired)
	}
	got, err := l.OpenAccount(retired)
	wantKind(t, err, ErrRetired, "a retired record")
	if got != (AccountSecret{}) {
		t.Error("a retired record leads somewhere")
	}
	if len(alive.Marshal()) != len(retired.Marshal()) {
		t.Error("a retired record shows by its size")
	}
}

// Authentic, but not of this format: by a later version.
func TestLoginRecordIsStrict(t *testing.T) {
	l := Login{writer: NewWriterKey(fresh[[32]byte](t, "writer")), reader: fresh[ReadKey](t, "reader")}
	for name, plain := range map[string][]byte{
		"nothing":               {},
		"kind 0":                make([]byte, 33),
		"kind 3":                append([]byte{3}, make([]byte, 32)...),
		"too short":             append([]byte{loginAccount}, make([]byte, 31)...),
		"too long":              append([]byte{loginAccount}, make([]byte, 33)...),
		"retired with a secret": append([]byte{loginRetired, 1}, make([]byte, 31)...),
	} {
		v, err := SealValue(l.reader, l.writer.ID(), 1, plain, seeded(name))
		if err != nil {
			t.Fatal(err)
		}
		_, err = l.OpenAccount(l.writer.Sign(1, v))
		wantKind(t, err, ErrFormat, name)
	}
	unsealed := l.writer.Sign(1, PointerValue{})
	_, err := l.OpenAccount(unsealed)
	wantKind(t, err, ErrOpen, "a record that was never sealed")
}

func TestLoginFails(t *testing.T) {
	for name, c := range map[string]struct{ user, passphrase string }{
		"no user":               {"", "passphrase"},
		"no passphrase":         {"alice", ""},
		"a line break":          {"alice", "pass\nphrase"},
		"a zero byte":           {"alice", "pass\x00phrase"},
		"an invisible letter":   {"alice", "pass\u200bphrase"},
		"an unassigned letter":  {"alice", "pass\u0378phrase"},
		"not UTF-8":             {"alice", "pass\xffphrase"},
		"blanks in a user name": {"al ice", "passphrase"},
	} {
		l, err := NewLogin(c.user, c.passphrase)
		if err == nil || l != (Login{}) {
			t.Errorf("%s: error %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "phrase\"") {
			t.Errorf("%s: the error shows the passphrase: %v", name, err)
		}
	}
	l := Login{writer: NewWriterKey(fresh[[32]byte](t, "writer"))}
	_, err := l.SealAccount(AccountSecret{}, 1, &brokenRandom{})
	wantKind(t, err, errNoRandomness, "sealing without randomness")
	_, err = l.Retire(1, &brokenRandom{})
	wantKind(t, err, errNoRandomness, "retiring without randomness")
}

func TestPassphraseIsWrittenInManyWays(t *testing.T) {
	for typed, want := range map[string]string{
		"plain":              "plain",
		"Case Matters":       "Case Matters",
		"e\u0301te\u0301":    "\u00e9t\u00e9",
		"a\u00a0b\u3000c":    "a b c",
		" blanks count ":     " blanks count ",
		"\uff21 stays":       "\uff21 stays",
		"\U0001f600 is fine": "\U0001f600 is fine",
	} {
		if got, err := normalizePassphrase(typed); err != nil || got != want {
			t.Errorf("%q becomes %q, error %v", typed, got, err)
		}
	}
}

func TestNormalizeUser(t *testing.T) {
	for name, want := range map[string]string{
		"a":                          "a",
		"Alice":                      "alice",
		"ALICE.b-c_9":                "alice.b-c_9",
		"\uff21\uff4cice":            "alice", // full width
		"\u212aim":                   "kim",   // the sign for kelvin
		strings.Repeat("x", 64):      strings.Repeat("x", 64),
		"0":                          "0",
		"":                           "",
		" ":                          "",
		"al ice":                     "",
		"al/ice":                     "",
		"al@ice":                     "",
		"ålice":                      "",
		"\u0430lice":                 "", // a Cyrillic а
		"al\x00ice":                  "",
		"al\xffice":                  "",
		".":                          "",
		"..":                         "",
		".hidden":                    "",
		"-flag":                      "",
		"_":                          "",
		"alice.":                     "",
		strings.Repeat("x", 65):      "",
		strings.Repeat("\u216b", 32): "", // Ⅻ, which becomes three letters
	} {
		got, err := NormalizeUser(name)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q becomes %q, want %q, error %v", name, got, want, err)
		}
	}
}

func TestNormalizeUserIsStable(t *testing.T) {
	letters := rapid.SliceOfN(rapid.SampledFrom([]rune("azAZ09._- /Åſ\u212a\uff21\u0301\u0130")), 1, 70)
	rapid.Check(t, func(t *rapid.T) {
		name := string(letters.Draw(t, "name"))
		clean, err := NormalizeUser(name)
		if err != nil {
			return
		}
		if again, err := NormalizeUser(clean); err != nil || again != clean {
			t.Fatalf("%q becomes %q, and that %q, error %v", name, clean, again, err)
		}
		if len(clean) > maxUserName || utf8.RuneCountInString(clean) != len(clean) {
			t.Fatalf("%q becomes %q", name, clean)
		}
	})
}
