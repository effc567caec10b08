package main

import (
	"strings"

	"github.com/trustelem/zxcvbn"
	"golang.org/x/term"

	"postern/cmd/postern/say"
	"postern/crypto"
)

// leastGuesses are the guesses that a new passphrase must withstand. Whoever keeps the remote can try them there without
// anybody noticing: a graphics card makes 2,500 a second (crypto/THREATS.md, 5), and is busy with so many for twelve years.
const leastGuesses = 1e12

// estimated is how many runes of a passphrase the estimate looks at: its cost grows faster than the length.
const estimated = 64

// phraseWords are the words of an offered passphrase: 55 bits.
const phraseWords = 5

// checkStrength rejects a new passphrase that is too easy to guess. The estimate is zxcvbn's: it knows common passwords, words,
// names, dates, keyboard patterns and repetitions. (github.com/trustelem/zxcvbn follows version 4 of the original, of which it
// passes the tests; the port that is maintained more, ccojocar/zxcvbn-go, takes any repetition for strong.)
func checkStrength(what, passphrase, user string) error {
	runes := []rune(passphrase)
	looked := string(runes[:min(len(runes), estimated)])
	if zxcvbn.PasswordStrength(looked, []string{user, "postern"}).Guesses >= leastGuesses {
		return nil
	}
	return say.Advisef("the %s is too easy to guess for whoever keeps the remote: take a longer one, such as %d words drawn at random", what, phraseWords)
}

// offerPhrase shows a random passphrase on the terminal, and nowhere else: it may become the secret.
func (p *program) offerPhrase() error {
	if !term.IsTerminal(int(p.err.Fd())) {
		return nil
	}
	words, err := crypto.RandomPhrase(phraseWords, p.rand)
	if err != nil {
		return err
	}
	p.warnf("It has to be hard to guess. You may take these words, drawn at random just now: %s\n", strings.Join(words, " "))
	return nil
}
