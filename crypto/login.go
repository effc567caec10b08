package crypto

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
)

// The cost of one guess at a passphrase: Argon2id, the second recommended option of RFC 9106 §4. A tenth of a second
// and 64 MiB are acceptable at a login on a small machine. The figures are part of the format: others lead to other
// records.
const (
	loginPasses  = 3
	loginMemory  = 64 << 10 // KiB
	loginThreads = 4
)

// maxUserName is the length of the longest user name.
const maxUserName = 64

// The first byte of a login record's contents, before the account's secret.
const (
	loginAccount = 1
	loginRetired = 2
)

// Login finds and opens a login record: a pointer whose id follows from user name and passphrase together. The zero
// value finds nothing.
type Login struct {
	writer WriterKey
	reader ReadKey
}

// NewLogin derives the id and the keys of the login record. It takes about a tenth of a second and 64 MiB, on purpose.
// The error states what is wrong with the user name (see NormalizeUser) or with the passphrase, which can't be empty.
func NewLogin(user, passphrase string) (Login, error) {
	name, err := NormalizeUser(user)
	if err != nil {
		return Login{}, err
	}
	phrase, err := normalizePassphrase(passphrase)
	if err != nil {
		return Login{}, err
	}
	salt := sha256.Sum256(append(signedMessage(labelLoginSalt, len(name)), name...))
	root := [KeySize]byte(argon2.IDKey([]byte(phrase), salt[:], loginPasses, loginMemory, loginThreads, KeySize))
	return Login{
		writer: NewWriterKey(derive(root, nil, labelLoginWriter)),
		reader: derive(root, nil, labelLoginReader),
	}, nil
}

// Writer returns the key that writes the record's pointer.
func (l Login) Writer() WriterKey { return l.writer }

// SealAccount returns the state seq of the record, which leads to an account.
func (l Login) SealAccount(s AccountSecret, seq uint64, rand io.Reader) (Pointer, error) {
	return l.seal(loginAccount, s, seq, rand)
}

// Retire returns the state seq of a record that leads to no account any more, since the passphrase was changed. It
// looks like any other state without the old passphrase.
func (l Login) Retire(seq uint64, rand io.Reader) (Pointer, error) {
	return l.seal(loginRetired, AccountSecret{}, seq, rand)
}

func (l Login) seal(kind byte, s AccountSecret, seq uint64, rand io.Reader) (Pointer, error) {
	v, err := SealValue(l.reader, l.writer.ID(), seq, append([]byte{kind}, s[:]...), rand)
	if err != nil {
		return Pointer{}, fmt.Errorf("login record: %w", err)
	}
	return l.writer.Sign(seq, v), nil
}

// OpenAccount returns the account that a record leads to. Errors: ErrSignature (it is not this login's record),
// ErrRetired, ErrOpen, ErrFormat.
func (l Login) OpenAccount(p Pointer) (AccountSecret, error) {
	if p.ID != l.writer.ID() {
		return AccountSecret{}, fmt.Errorf("login record: %w", ErrSignature)
	}
	if err := p.Verify(); err != nil {
		return AccountSecret{}, fmt.Errorf("login record: %w", err)
	}
	plain, err := OpenValue(l.reader, p)
	if err != nil {
		return AccountSecret{}, fmt.Errorf("login record: %w", err)
	}
	if len(plain) != 1+KeySize {
		return AccountSecret{}, fmt.Errorf("login record: %w: %d bytes", ErrFormat, len(plain))
	}
	secret := AccountSecret(plain[1:])
	switch {
	case plain[0] == loginAccount:
		return secret, nil
	case plain[0] == loginRetired && secret == AccountSecret{}:
		return AccountSecret{}, fmt.Errorf("login record: %w", ErrRetired)
	}
	return AccountSecret{}, fmt.Errorf("login record: %w: kind %d", ErrFormat, plain[0])
}

// NormalizeUser returns the one spelling of a user name: NFKC, lower case, then 1 to 64 of a-z 0-9 . _ and -, of which
// the first and the last are letters or digits, so that a name works as a folder's and is never “..” or a flag. It
// rejects letters beyond ASCII: people compare names by eye, and some letters look alike.
func NormalizeUser(name string) (string, error) {
	clean := strings.ToLower(norm.NFKC.String(name))
	if clean == "" {
		return "", errors.New("a user name is needed")
	}
	for _, r := range clean {
		if !isAlphanumeric(r) && !strings.ContainsRune("._-", r) {
			return "", errors.New("a user name is made of a to z, 0 to 9, dots, hyphens and underscores only")
		}
	}
	if !isAlphanumeric(rune(clean[0])) || !isAlphanumeric(rune(clean[len(clean)-1])) {
		return "", errors.New("a user name begins and ends with a letter or a digit")
	}
	if len(clean) > maxUserName {
		return "", fmt.Errorf("a user name has %d characters at most, not %d", maxUserName, len(clean))
	}
	return clean, nil
}

func isAlphanumeric(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' }

// normalizePassphrase returns the same bytes for all ways in which keyboards write a passphrase: OpaqueString of RFC
// 8265 §4.2, which is NFC, with all blanks turned into U+0020. It rejects control, ignorable and unassigned
// characters, since another keyboard or a later Unicode version may write them differently.
func normalizePassphrase(passphrase string) (string, error) {
	if passphrase == "" {
		return "", errors.New("a passphrase is needed")
	}
	clean, err := precis.OpaqueString.String(passphrase)
	if err != nil || !utf8.ValidString(passphrase) {
		return "", errors.New("the passphrase has a character that can't be typed everywhere, such as a line break")
	}
	return clean, nil
}
