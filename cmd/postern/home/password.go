package home

import (
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode"
)

// passwordBytes of randomness make 26 characters: 130 bits' worth of letters for 128 bits, beyond any guessing.
const passwordBytes = 16

// passwordAlphabet has no capital letters and no characters that any client or shell would want quoted.
var passwordAlphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// ReadPassword returns the drive's password and makes one at random if there is none.
func (h Home) ReadPassword(rand io.Reader) (string, error) {
	text, err := readFile(h.Password())
	if errors.Is(err, fs.ErrNotExist) {
		return h.makePassword(rand)
	}
	if err != nil {
		return "", fmt.Errorf("can't read the drive's password %s: %w", h.Password(), cause(err))
	}
	password := strings.TrimRight(string(text), "\r\n")
	if password == "" || strings.ContainsFunc(password, unicode.IsControl) {
		return "", fmt.Errorf("the drive's password in %s is not one line of text: write one there, or remove the file to "+
			"have one made", h.Password())
	}
	return password, nil
}

// RotatePassword replaces the drive's password by a new one at random.
func (h Home) RotatePassword(rand io.Reader) error {
	_, err := h.makePassword(rand)
	return err
}

func (h Home) makePassword(rand io.Reader) (string, error) {
	var raw [passwordBytes]byte
	if _, err := io.ReadFull(rand, raw[:]); err != nil {
		return "", fmt.Errorf("can't draw a password: %w", err)
	}
	password := passwordAlphabet.EncodeToString(raw[:])
	if err := writeFile(h.Password(), []byte(password+"\n")); err != nil {
		return "", fmt.Errorf("can't write the drive's password %s: %w", h.Password(), err)
	}
	return password, nil
}

// WriteWords leaves the recovery words in a file for the owner only.
func (h Home) WriteWords(words []string) error {
	if err := writeFile(h.Words(), []byte(strings.Join(words, " ")+"\n")); err != nil {
		return fmt.Errorf("can't write the recovery words %s: %w", h.Words(), err)
	}
	return nil
}
