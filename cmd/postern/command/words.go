package command

import (
	"strings"

	"postern/cmd/postern/home"
	"postern/crypto"
)

// wordsPerLine makes four lines of the 24 words.
const wordsPerLine = 6

// GiveWords shows the recovery words on a terminal. Elsewhere it writes them to a file of the home that only the user
// can read, since the output may be a log.
func (p *Program) GiveWords(h home.Home, secret crypto.AccountSecret) error {
	if p.OnScreen() {
		p.showWords(secret.Words())
		return nil
	}
	if err := h.WriteWords(secret.Words()); err != nil {
		return err
	}
	p.Printf("The recovery words are in %s: write them down and remove the file.\n", h.Words())
	return nil
}

func (p *Program) showWords(words []string) {
	p.Printf("Recovery words: anybody who has them can open the drive. Without them (or a passphrase) a lost machine\n" +
		"is a lost drive. They are shown only now; write them down:\n\n")
	for len(words) > 0 {
		n := min(wordsPerLine, len(words))
		p.Printf("    %s\n", strings.Join(words[:n], " "))
		words = words[n:]
	}
	p.Printf("\n")
}
