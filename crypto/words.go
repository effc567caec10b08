package crypto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tyler-smith/go-bip39"
)

// WordCount is the number of recovery words: 24 hold 256 bits and a checksum of 8.
const WordCount = 24

// Words returns the account's recovery words: BIP-39, English. Anybody who has them has the whole account.
func (s AccountSecret) Words() []string {
	phrase, err := bip39.NewMnemonic(s[:])
	if err != nil {
		panic("crypto: unreachable, a secret has the right length: " + err.Error())
	}
	return strings.Fields(phrase)
}

// RandomPhrase returns n words drawn from the 2,048 of BIP-39: 11 bits each, for a passphrase that can be remembered.
// The error is rand's.
func RandomPhrase(n int, rand io.Reader) ([]string, error) {
	list := bip39.GetWordList()
	raw := make([]byte, 2*n)
	if _, err := io.ReadFull(rand, raw); err != nil {
		return nil, fmt.Errorf("no randomness: %w", err)
	}
	words := make([]string, n)
	for i := range words {
		words[i] = list[int(binary.BigEndian.Uint16(raw[2*i:]))%len(list)] // 2,048 divides 2^16: all words are equally likely
	}
	return words, nil
}

// SecretFromWords returns the account of recovery words. It ignores case and blanks around a word. The error states
// which word, counted from one, is unknown, or that the checksum is wrong; it repeats no word.
func SecretFromWords(words []string) (AccountSecret, error) {
	if len(words) != WordCount {
		return AccountSecret{}, fmt.Errorf("there are %d recovery words, not %d", WordCount, len(words))
	}
	clean := make([]string, len(words))
	for i, word := range words {
		clean[i] = strings.ToLower(strings.TrimSpace(word))
		if _, known := bip39.GetWordIndex(clean[i]); !known {
			return AccountSecret{}, fmt.Errorf("recovery word %d is not in the list of words, so it is misspelt", i+1)
		}
	}
	entropy, err := bip39.EntropyFromMnemonic(strings.Join(clean, " "))
	if err != nil || len(entropy) != KeySize {
		return AccountSecret{}, errors.New("the recovery words do not fit together: " +
			"one is another word, or two are exchanged")
	}
	return AccountSecret(entropy), nil
}
