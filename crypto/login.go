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

// The cost of one guess at a passphrase: Argon2id, the second recommended option of RFC 9106 §4. A tenth of a second and
// 64 MiB is what a small machine can spare at a login. They are part of the format: other figures lead to other records.
const (
	loginPasses  = 3
	loginMemory  = 64 << 10 // KiB
	loginThreads = 4
)

// maxUserName is the length of the longest user name.
const maxUserName = 64

// What a login record holds, in front of the account's secret.
const (
	loginAccount = 1
	loginRetired = 2
)

// Login finds and opens a login record: a pointer at a place that only user name and passphrase together lead to. The zero
// value leads nowhere.
type Login struct {
	writer WriterKey
	reader ReadKey
}

// NewLogin derives the place and the keys of the login record. It takes about a tenth of a second and 64 MiB, on purpose.
// The error says what is wrong with the user name (see NormalizeUser) or with the passphrase, which can't be empty.
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

// Writer returns the key whose pointer the record is.
func (l Login) Writer() WriterKey { return l.writer }

// SealAccount returns the state seq of the record, which leads to an account.
func (l Login) SealAccount(s AccountSecret, seq uint64, rand io.Reader) (Pointer, error) {
	return l.seal(loginAccount, s, seq, rand)
}

// Retire returns the state seq of a record that leads nowhere any more, since the passphrase was changed. Only who knows the
// old passphrase can tell it from the one before.
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

// OpenAccount returns the account that a record leads to. Errors: ErrSignature (it is not this login's record), ErrRetired,
// ErrOpen, ErrFormat.
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

// NormalizeUser returns the one spelling of a user name: NFKC, lower case, then 1 to 64 of a-z 0-9 . _ and -, of which the
// first and the last is a letter or a digit, so that a name can be a folder's and is never “..” or a flag. Letters that are
// not ASCII are refused: a name is compared by eye, and some of them look alike.
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

// normalizePassphrase makes one of the ways in which keyboards write the same passphrase: OpaqueString of RFC 8265 §4.2, which
// is NFC, with all blanks turned into U+0020. Control, ignorable and unassigned characters are refused, since a later Unicode
// or another keyboard may write them otherwise.
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
