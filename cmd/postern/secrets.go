package main

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

// maxSecret bounds what is read of a file or a pipe that should hold one line, in bytes.
const maxSecret = 4096

// secretSource says where a passphrase may come from.
type secretSource struct {
	what     string // "passphrase", "new passphrase"
	variable string // of the environment
	flag     string // whose value is the file
	file     string
	prompt   string
	fresh    bool   // a new one: it must be strong, and is asked for twice on a terminal, since a slip would lock the user out
	user     string // whose new one it is: the name makes no passphrase strong
}

// read gets a passphrase from the file, the environment or the terminal, in this order, and rejects a new one that is weak.
func (p *program) read(ctx context.Context, s secretSource) (string, error) {
	secret, err := p.readAny(ctx, s)
	if err != nil || secret == "" || !s.fresh {
		return secret, err
	}
	return secret, checkStrength(s.what, secret, s.user)
}

// readAny is read for passphrases of any strength.
func (p *program) readAny(ctx context.Context, s secretSource) (string, error) {
	if s.file != "" {
		file, err := os.Open(s.file)
		if err != nil {
			return "", fmt.Errorf("can't read the %s: %w", s.what, err)
		}
		defer func() { _ = file.Close() }()
		text, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
		if err != nil {
			return "", fmt.Errorf("can't read the %s: %w", s.what, err)
		}
		line, _, _ := bytes.Cut(text, []byte("\n"))
		secret := strings.TrimSuffix(string(line), "\r")
		switch {
		case secret == "":
			return "", say.Advisef("the first line of %s is empty: write the %s there", s.file, s.what)
		case len(line) > maxSecret: // a part of it would be another passphrase
			return "", say.Advisef("the first line of %s has more than %d bytes: write the %s there, and nothing else", s.file, maxSecret, s.what)
		}
		return secret, nil
	}
	if secret := p.getenv(s.variable); secret != "" {
		return secret, nil
	}
	if !p.interactive() {
		return "", say.Usagef("no %s: give it in a terminal, in $%s or in a file named by --%s", s.what, s.variable, s.flag)
	}
	if s.fresh {
		if err := p.offerPhrase(); err != nil {
			return "", err
		}
	}
	secret, err := p.ask(ctx, s.prompt)
	if err != nil || !s.fresh || secret == "" {
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

// given reports whether a passphrase can be read without asking anybody.
func (p *program) given(s secretSource) bool { return s.file != "" || p.getenv(s.variable) != "" }

func (p *program) interactive() bool { return term.IsTerminal(int(p.in.Fd())) }

// ask reads one line from the terminal without showing it. Nothing ends a read of a terminal, so when ctx ends it is left behind, and the
// terminal as it was.
func (p *program) ask(ctx context.Context, prompt string) (string, error) {
	terminal := int(p.in.Fd())
	before, err := term.GetState(terminal)
	if err != nil {
		return "", fmt.Errorf("can't ask on this terminal: %w", err)
	}
	_, _ = fmt.Fprint(p.err, prompt)
	defer func() { _, _ = fmt.Fprintln(p.err) }()
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

// readWords reads the recovery words: typed unseen on a terminal, else from stdin, in as many lines as one likes.
func (p *program) readWords(ctx context.Context) ([]string, error) {
	if p.interactive() {
		line, err := p.ask(ctx, "The 24 recovery words, in one line (they are not shown): ")
		return strings.Fields(line), err
	}
	scan := bufio.NewScanner(io.LimitReader(p.in, maxSecret))
	scan.Split(bufio.ScanWords)
	var words []string
	for scan.Scan() {
		words = append(words, scan.Text())
	}
	return words, scan.Err()
}

// onScreen reports whether stdout is a terminal. Anything else may be a log, which others read and which is kept for years.
func (p *program) onScreen() bool { return term.IsTerminal(int(p.out.Fd())) }
