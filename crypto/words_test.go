package crypto

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Vectors of BIP-39 itself: https://github.com/trezor/python-mnemonic/blob/master/vectors.json, those of 256 bits.
func TestWordsAreBIP39(t *testing.T) {
	for _, c := range []struct{ entropy, words string }{
		{strings.Repeat("00", 32), strings.Repeat("abandon ", 23) + "art"},
		{strings.Repeat("ff", 32), strings.Repeat("zoo ", 23) + "vote"},
		{strings.Repeat("7f", 32), strings.Repeat("legal winner thank year wave sausage worth useful ", 2) +
			"legal winner thank year wave sausage worth title"},
		{strings.Repeat("80", 32), strings.Repeat("letter advice cage absurd amount doctor acoustic avoid ", 2) +
			"letter advice cage absurd amount doctor acoustic bless"},
		{"68a79eaca2324873eacc50cb9c6eca8cc68ea5d936f98787c60c7ebc74e6ce7c",
			"hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple " +
				"dilemma loan word shrug inflict delay length"},
		{"f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f",
			"void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing screen patrol group " +
				"space point ten exist slush involve unfold"},
	} {
		s := AccountSecret(unhex(t, c.entropy))
		if got := strings.Join(s.Words(), " "); got != c.words {
			t.Errorf("%s: %q, want %q", c.entropy, got, c.words)
		}
		if got, err := SecretFromWords(strings.Fields(c.words)); err != nil || got != s {
			t.Errorf("%q: another secret, or error %v", c.words, err)
		}
	}
}

func TestWordsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := AccountSecret(rapid.SliceOfN(rapid.Byte(), KeySize, KeySize).Draw(t, "secret"))
		words := s.Words()
		if len(words) != WordCount {
			t.Fatalf("%d words", len(words))
		}
		for i := range words {
			switch rapid.IntRange(0, 3).Draw(t, "typed") {
			case 0:
				words[i] = strings.ToUpper(words[i])
			case 1:
				words[i] = "\t " + words[i] + " \r\n"
			}
		}
		if got, err := SecretFromWords(words); err != nil || got != s {
			t.Fatalf("another secret, or error %v", err)
		}
	})
}

func TestWordsNoticeMistakes(t *testing.T) {
	s := fresh[AccountSecret](t, "words")
	good := s.Words()

	for at := range good {
		words := slices.Clone(good)
		words[at] = "misspellt"
		_, err := SecretFromWords(words)
		if err == nil || !strings.Contains(err.Error(), "recovery word "+strconv.Itoa(at+1)+" ") {
			t.Errorf("word %d misspelt: error %v", at+1, err)
		}
		if err != nil && strings.Contains(err.Error(), "misspellt") {
			t.Errorf("the error repeats a word: %v", err)
		}
	}
	for n := range 30 {
		words := slices.Repeat(good, 2)[:n]
		if _, err := SecretFromWords(words); (err == nil) != (n == WordCount) {
			t.Errorf("%d words: error %v", n, err)
		}
	}
	// The checksum has 8 bits: of 255 other words in a place about one is accepted, but never for the same account.
	taken := 0
	for at := range good {
		words := slices.Clone(good)
		words[at] = "abandon"
		got, err := SecretFromWords(words)
		if good[at] == "abandon" {
			continue
		}
		if err == nil {
			taken++
			if got == s {
				t.Errorf("another word %d is the same account", at+1)
			}
			continue
		}
		if strings.Contains(err.Error(), "abandon") {
			t.Errorf("the error repeats a word: %v", err)
		}
	}
	if taken > 3 {
		t.Errorf("the checksum let %d of %d wrong words pass", taken, len(good))
	}
	if _, err := SecretFromWords(slices.Insert(slices.Clone(good[1:]), 5, "")); err == nil {
		t.Error("an empty word is taken")
	}
	if _, err := SecretFromWords([]string{strings.Join(good, " ")}); err == nil {
		t.Error("all words in one are taken")
	}
}

func TestRandomPhrase(t *testing.T) {
	words, err := RandomPhrase(3, strings.NewReader("\x00\x00\x07\xff\x08\x01more"))
	if err != nil || strings.Join(words, " ") != "abandon zoo ability" {
		t.Errorf("%q, %v", words, err)
	}
	if _, err := RandomPhrase(3, strings.NewReader("short")); err == nil {
		t.Error("no error where randomness ends")
	}
}
