package crypto

import (
	"math/big"

	"github.com/tyler-smith/go-bip39"
	"github.com/zeebo/blake3"
)

// FingerprintWords is the number of words in a fingerprint: 88 bits.
const FingerprintWords = 8

// Fingerprint returns the words by which two people compare an author: whoever wants another key with the same words
// has to try 2^88 keys.
func (id AuthorID) Fingerprint() [FingerprintWords]string {
	sum := blake3.Sum256(append(signedMessage(labelFingerprint, len(id)), id[:]...))
	const bits = 11
	rest, list := new(big.Int).SetBytes(sum[:FingerprintWords*bits/8]), bip39.GetWordList()
	var words [FingerprintWords]string
	for i := len(words) - 1; i >= 0; i-- {
		var at big.Int
		rest.DivMod(rest, big.NewInt(1<<bits), &at)
		words[i] = list[at.Int64()]
	}
	return words
}
