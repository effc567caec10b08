package crypto

import (
	"strings"
	"testing"
)

type fingerprintVector struct {
	Author AuthorID `json:"author"`
	Words  string   `json:"words"`
}

func TestFingerprintVectors(t *testing.T) {
	const about = "The words by which people compare an author."
	words := func(id AuthorID) string {
		words := id.Fingerprint()
		return strings.Join(words[:], " ")
	}
	var made []fingerprintVector
	for _, id := range []AuthorID{{}, keyOf(0xa0), AccountSecret(keyOf(0xa0)).Author().ID()} {
		made = append(made, fingerprintVector{id, words(id)})
	}
	testVectors(t, "fingerprint", about, made, func(t *testing.T, v fingerprintVector) {
		if got := words(v.Author); got != v.Words {
			t.Errorf("%v: %s, want %s", v.Author, got, v.Words)
		}
	})
}
