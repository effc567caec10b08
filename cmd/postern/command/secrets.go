package command

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"postern/cmd/postern/say"
)

// maxSecret is the most that is read of a file or a pipe that should hold one line, in bytes.
const maxSecret = 4096

// Secret says where a passphrase may come from.
type Secret struct {
	What     string // "passphrase", "new passphrase"
	Variable string // of the environment
	Flag     string // the name of the flag that names a file
	File     string // the value of that flag
	Prompt   string
	Fresh    bool   // it is a new one: it must be strong, and a terminal asks twice, since a slip would lock the user out
	User     string // the user of a fresh one: the name makes no passphrase strong
}

// Passphrase is the Secret of the account's passphrase, for commands with the flag --passphrase-file.
func Passphrase(file string) Secret {
	return Secret{What: "passphrase", Variable: "POSTERN_PASSPHRASE", Flag: "passphrase-file", File: file,
		Prompt: "Passphrase: "}
}

// ReadSecret reads a passphrase from the file, the environment or the terminal, in this order. It rejects a fresh one
// that is weak.
func (p *Program) ReadSecret(ctx context.Context, s Secret) (string, error) {
	secret, err := p.readAny(ctx, s)
	if err != nil || secret == "" || !s.Fresh {
		return secret, err
	}
	return secret, checkStrength(s.What, secret, s.User)
}

// readAny is ReadSecret for passphrases of any strength.
func (p *Program) readAny(ctx context.Context, s Secret) (string, error) {
	if s.File != "" {
		return s.fromFile()
	}
	if secret := p.Getenv(s.Variable); secret != "" {
		return secret, nil
	}
	if !p.Interactive() {
		return "", say.Usagef("no %s: give it in a terminal, in $%s or in a file named by --%s", s.What, s.Variable, s.Flag)
	}
	return p.typed(ctx, s)
}

// fromFile reads the first line of the file.
func (s Secret) fromFile() (string, error) {
	file, err := os.Open(s.File)
	if err != nil {
		return "", fmt.Errorf("can't read the %s: %w", s.What, err)
	}
	defer func() { _ = file.Close() }() // only read from
	text, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("can't read the %s: %w", s.What, err)
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	secret := strings.TrimSuffix(string(line), "\r")
	switch {
	case secret == "":
		return "", say.Advisef("the first line of %s is empty: write the %s there", s.File, s.What)
	case len(line) > maxSecret: // a part of it would be another passphrase
		return "", say.Advisef("the first line of %s has more than %d bytes: write the %s there, and nothing else",
			s.File, maxSecret, s.What)
	}
	return secret, nil
}

// typed asks on the terminal, twice for a fresh one.
func (p *Program) typed(ctx context.Context, s Secret) (string, error) {
	if s.Fresh {
		if err := p.offerPhrase(); err != nil {
			return "", err
		}
	}
	secret, err := p.ask(ctx, s.Prompt)
	if err != nil || !s.Fresh || secret == "" {
		return secret, err
	}
	again, err := p.ask(ctx, "The same again: ")
	if err != nil {
		return "", err
	}
	if again != secret {
		return "", say.Advisef("the two are not the same: nothing was changed, try again")
	}
	return secret, nil
}

// HasSecret reports whether ReadSecret needs no terminal.
func (p *Program) HasSecret(s Secret) bool { return s.File != "" || p.Getenv(s.Variable) != "" }

// ask reads one line from the terminal without showing it. Nothing can end a read of a terminal: when ctx ends, the
// read is left behind and the terminal gets its former state back.
func (p *Program) ask(ctx context.Context, prompt string) (string, error) {
	terminal := int(p.In.Fd())
	before, err := term.GetState(terminal)
	if err != nil {
		return "", fmt.Errorf("can't ask on this terminal: %w", err)
	}
	_, _ = fmt.Fprint(p.Err, prompt)
	defer func() { _, _ = fmt.Fprintln(p.Err) }()
	type answer struct {
		line []byte
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(terminal)
		typed <- answer{line, err}
	}()
	select {
	case a := <-typed:
		if errors.Is(a.err, io.EOF) {
			return "", errors.New("nothing was typed")
		}
		return string(a.line), a.err
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(terminal, before))
	}
}

// ReadWords reads the recovery words: typed unseen on a terminal, else from In, in any number of lines.
func (p *Program) ReadWords(ctx context.Context) ([]string, error) {
	if p.Interactive() {
		line, err := p.ask(ctx, "The 24 recovery words, in one line (they are not shown): ")
		return strings.Fields(line), err
	}
	scan := bufio.NewScanner(io.LimitReader(p.In, maxSecret))
	scan.Split(bufio.ScanWords)
	var words []string
	for scan.Scan() {
		words = append(words, scan.Text())
	}
	return words, scan.Err()
}
