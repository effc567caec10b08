package main

import (
	"strings"

	"golang.org/x/term"

	"postern/cmd/postern/home"
	"postern/crypto"
)

// wordsPerLine makes four lines of the 24 words.
const wordsPerLine = 6

// showWords prints the recovery words: the one time that they are shown.
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

// logged tells whether what is printed ends in the system's journal, which other people read and which keeps it for years.
// systemd says so by $JOURNAL_STREAM.
func (p *program) logged() bool {
	return p.getenv("JOURNAL_STREAM") != "" && !term.IsTerminal(int(p.out.Fd()))
}

// giveWords shows the words, or leaves them in a file of the home when nobody looks at the screen.
func (p *program) giveWords(h home.Home, secret crypto.AccountSecret) error {
	if !p.logged() {
		p.showWords(secret)
		return nil
	}
	if err := h.WriteWords(secret.Words()); err != nil {
		return err
	}
	p.printf("The recovery words are in %s: write them down and remove the file.\n", h.Words())
	return nil
}
