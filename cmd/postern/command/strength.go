package command

import (
	"strings"

	"github.com/trustelem/zxcvbn"
	"golang.org/x/term"

	"postern/cmd/postern/say"
	"postern/crypto"
)

// leastGuesses is how many guesses a new passphrase must withstand. The keeper of the remote can make them there
// unseen: a graphics card makes 2,500 a second (crypto/THREATS.md, 5), and needs twelve years for so many.
const leastGuesses = 1e12

// estimated is how many runes of a passphrase are estimated: the cost grows faster than the length.
const estimated = 64

// phraseWords are the words of an offered passphrase: 55 bits.
const phraseWords = 5

// checkStrength rejects a new passphrase that is too easy to guess. The estimate is zxcvbn's: it knows common
// passwords, words, names, dates, keyboard patterns and repetitions. (github.com/trustelem/zxcvbn follows version 4 of
// the original and passes its tests; the more active port ccojocar/zxcvbn-go takes any repetition for strong.)
func checkStrength(what, passphrase, user string) error {
	runes := []rune(passphrase)
	looked := string(runes[:min(len(runes), estimated)])
	if zxcvbn.PasswordStrength(looked, []string{user, "postern"}).Guesses >= leastGuesses {
		return nil
	}
	return say.Advisef("the %s is too easy to guess for the operator of the remote: take a longer one, "+
		"such as %d words drawn at random", what, phraseWords)
}

// offerPhrase shows a random passphrase on the terminal, and nowhere else, since it may become the secret.
func (p *Program) offerPhrase() error {
	if !term.IsTerminal(int(p.Err.Fd())) {
		return nil
	}
	words, err := crypto.RandomPhrase(phraseWords, p.Rand)
	if err != nil {
		return err
	}
	p.Warnf("It has to be hard to guess. You may take these words, drawn at random just now: %s\n",
		strings.Join(words, " "))
	return nil
}
