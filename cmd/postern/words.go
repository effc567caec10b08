package main

import (
	"strings"

	"postern/cmd/postern/home"
	"postern/crypto"
)

// wordsPerLine makes four lines of the 24 words.
const wordsPerLine = 6

// showWords prints the recovery words, the only time that they are shown.
func (p *program) showWords(secret crypto.AccountSecret) {
	p.printf("Recovery words: whoever has them can open the drive, and without them (or a passphrase) a lost machine\n" +
		"is a lost drive. They are shown only now; write them down:\n\n")
	words := secret.Words()
	for len(words) > 0 {
		n := min(wordsPerLine, len(words))
		p.printf("    %s\n", strings.Join(words[:n], " "))
		words = words[n:]
	}
	p.printf("\n")
}

// giveWords shows the words on a terminal; anywhere else it leaves them in a file of the home, which only the user can read.
func (p *program) giveWords(h home.Home, secret crypto.AccountSecret) error {
	if p.onScreen() {
		p.showWords(secret)
		return nil
	}
	if err := h.WriteWords(secret.Words()); err != nil {
		return err
	}
	p.printf("The recovery words are in %s: write them down and remove the file.\n", h.Words())
	return nil
}
