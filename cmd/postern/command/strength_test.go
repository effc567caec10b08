package command

import (
	"strings"
	"testing"
)

func TestStrength(t *testing.T) {
	for _, weak := range []string{
		"x", "password", "Password1!", "letmein123", "correct horse", "alice alice alice",
		"alice-in-wonderland"[:5] + "2026!", "qwertyuiop[]", "D8#kd02;sL",
		"postern-alice", strings.Repeat("a", 10_000), strings.Repeat("abc123", 1000), "\xff\xfe", " ",
	} {
		if err := checkStrength("passphrase", weak, "alice"); err == nil {
			t.Errorf("%.40q was accepted", weak)
		} else if strings.Contains(err.Error(), weak) && len(weak) > 3 {
			t.Errorf("the error shows the passphrase: %v", err)
		}
	}
	for _, strong := range []string{
		"correct horse battery staple", "crop nerve zoo lizard abandon", "D8#kd02;sLx!4", "Mein Hund heißt Bello",
		"gj2k-o0pq-77xa",
	} {
		if err := checkStrength("passphrase", strong, "alice"); err != nil {
			t.Errorf("%q: %v", strong, err)
		}
	}
}

// TestOldWeakPassphrasesStillLogIn: only a new passphrase has to be strong, wherever it comes from.
func TestOldWeakPassphrasesStillLogIn(t *testing.T) {
	p := &Program{Getenv: func(string) string { return "x" }}
	s := Secret{What: "passphrase", Variable: "POSTERN_PASSPHRASE"}
	if got, err := p.ReadSecret(t.Context(), s); err != nil || got != "x" {
		t.Errorf("%q, %v", got, err)
	}
	s.Fresh = true
	if _, err := p.ReadSecret(t.Context(), s); err == nil {
		t.Error("a new passphrase of one letter was accepted")
	}
}
