package crypto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// The first byte of a link says whether it needs a password.
const (
	linkOpen     = 1
	linkPassword = 2
)

// The layout of a link, and its text's beginning where no gateway serves a page for it.
const (
	linkScheme     = "postern:link"
	linkOffStore   = 1
	linkOffPointer = linkOffStore + 16
	linkOffSecret  = linkOffPointer + 32
	linkSize       = linkOffSecret + KeySize
)

// The first byte of a link pointer's value, and the layout of the rest. The name follows the capability.
const (
	linkToFolder  = 1
	linkToFile    = 2
	linkRevoked   = 3
	linkOffExpiry = 1
	linkOffTarget = linkOffExpiry + 8

	// MaxLinkName bounds the name in a link's target, in bytes.
	MaxLinkName = MaxValue - linkOffTarget - WriteCapabilitySize
)

// unsafeInURL are the printable characters that must not stand in the address of a page.
const unsafeInURL = "\"#<>?\\^`{|}"

// maxLinkURL bounds the URL of a page for links.
const maxLinkURL = 512

type (
	// LinkSeed is the secret from which the keys of one link derive. Only its creator keeps it.
	LinkSeed [KeySize]byte

	// LinkSecret is the secret that a link shows to everybody who has it.
	LinkSecret [KeySize]byte
)

// Link names a pointer, and opens it: whoever has the text of a link, and its password if it has one, can open what it
// leads to.
type Link struct {
	Store    StoreID
	Pointer  PointerID
	Secret   LinkSecret
	Password bool // a password is needed, too
}

// LinkTarget is what a link leads to.
type LinkTarget struct {
	Space   Capability // with or without the right to write
	File    bool       // the one file in the space is meant, not the folder
	Expires uint64     // seconds since 1970 UTC from which on the link is to be refused; 0 means never
	Name    string     // a name for people: at most MaxLinkName bytes, one name of a path
}

// Writer returns the key that writes the link's pointer.
func (x LinkSeed) Writer() WriterKey { return NewWriterKey(derive(x, nil, labelLinkWriter)) }

// Link returns the link of x to a store. If it needs a password, its creator keeps what ReadKey returns, to write later
// states without the password.
func (x LinkSeed) Link(store StoreID, password bool) Link {
	return Link{Store: store, Pointer: x.Writer().ID(), Secret: derive(x, nil, labelLinkSecret), Password: password}
}

// ReadKey returns the key of the values of the link's pointer. The password must be empty if the link needs none. With
// a password it takes about a tenth of a second and 64 MiB, as NewLogin does. The error is ErrPassword, or states what
// is wrong with the password.
func (l Link) ReadKey(password string) (ReadKey, error) {
	if !l.Password {
		if password != "" {
			return ReadKey{}, errors.New("this link needs no password")
		}
		return derive(l.Secret, nil, labelLinkReader), nil
	}
	if password == "" {
		return ReadKey{}, fmt.Errorf("link: %w", ErrPassword)
	}
	phrase, err := normalizePassphrase(password)
	if err != nil {
		return ReadKey{}, err
	}
	salt := derive(l.Secret, nil, labelLinkSalt)
	root := argon2.IDKey([]byte(phrase), salt[:], loginPasses, loginMemory, loginThreads, KeySize)
	return derive(l.Secret, root, labelLinkReader), nil
}

// SealLink returns state seq of the link's pointer, which leads to the target. k is the ReadKey of the link. It fails
// for a target that can't be encoded, and if rand fails.
func (x LinkSeed) SealLink(k ReadKey, seq uint64, to LinkTarget, rand io.Reader) (Pointer, error) {
	if !isLinkName(to.Name) {
		return Pointer{}, fmt.Errorf("a link holds a name of 1 to %d bytes", MaxLinkName)
	}
	kind := byte(linkToFolder)
	if to.File {
		kind = linkToFile
	}
	b := binary.BigEndian.AppendUint64([]byte{kind}, to.Expires)
	b = append(append(b, to.Space.Marshal()...), to.Name...)
	return x.seal(k, seq, b, rand)
}

// RevokeLink returns state seq of the link's pointer, which leads nowhere any more.
func (x LinkSeed) RevokeLink(k ReadKey, seq uint64, rand io.Reader) (Pointer, error) {
	return x.seal(k, seq, []byte{linkRevoked}, rand)
}

func (x LinkSeed) seal(k ReadKey, seq uint64, plain []byte, rand io.Reader) (Pointer, error) {
	writer := x.Writer()
	v, err := SealValue(k, writer.ID(), seq, plain, rand)
	if err != nil {
		return Pointer{}, fmt.Errorf("link: %w", err)
	}
	return writer.SignListed(seq, v), nil
}

// Open returns the target in a state of the link's pointer. k is the ReadKey of the link. It does not look at the
// expiry. Errors: ErrSignature (it is another pointer, or forged), ErrRevoked, ErrPassword, ErrOpen, ErrFormat.
func (l Link) Open(k ReadKey, p Pointer) (LinkTarget, error) {
	if p.ID != l.Pointer {
		return LinkTarget{}, fmt.Errorf("link: %w", ErrSignature)
	}
	if err := p.Verify(); err != nil {
		return LinkTarget{}, fmt.Errorf("link: %w", err)
	}
	plain, err := OpenValue(k, p)
	if l.Password && errors.Is(err, ErrOpen) {
		return LinkTarget{}, fmt.Errorf("link: %w", ErrPassword)
	}
	if err != nil {
		return LinkTarget{}, fmt.Errorf("link: %w", err)
	}
	to, err := parseLinkTarget(plain)
	if err != nil {
		return LinkTarget{}, fmt.Errorf("link: %w", err)
	}
	return to, nil
}

// parseLinkTarget parses the value of a link's pointer.
func parseLinkTarget(b []byte) (LinkTarget, error) {
	if len(b) == 1 && b[0] == linkRevoked {
		return LinkTarget{}, ErrRevoked
	}
	if len(b) <= linkOffTarget || b[0] != linkToFolder && b[0] != linkToFile {
		return LinkTarget{}, fmt.Errorf("%w: it leads to nothing, or is of a later version", ErrFormat)
	}
	to := LinkTarget{File: b[0] == linkToFile, Expires: binary.BigEndian.Uint64(b[linkOffExpiry:])}
	size := ReadCapabilitySize
	if b[linkOffTarget] == capWrite {
		size = WriteCapabilitySize
	}
	rest := b[linkOffTarget:]
	space, err := ParseCapability(rest[:min(size, len(rest))])
	if err != nil {
		return LinkTarget{}, err
	}
	to.Space, to.Name = space, string(rest[size:])
	if !isLinkName(to.Name) {
		return LinkTarget{}, fmt.Errorf("%w: the name in it", ErrFormat)
	}
	return to, nil
}

// isLinkName reports whether a link can hold the name.
func isLinkName(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > MaxLinkName || !utf8.ValidString(name) {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return r == '/' || !unicode.IsPrint(r) })
}

// Text returns the link without the address of a page: 121 characters. Whoever has it has what the link leads to.
func (l Link) Text() string { return linkScheme + "#" + text.EncodeToString(l.marshal()) }

// URL returns the link for the page of links at a base URL, such as https://drive.example.org. The part behind the #
// is never sent to the page's server. It fails for a base that ParseLink would reject.
func (l Link) URL(base string) (string, error) {
	page := strings.TrimSuffix(base, "/") + "/l"
	if !isLinkPage(page) {
		return "", fmt.Errorf("%q is not the address of a server", base)
	}
	return page + "#" + text.EncodeToString(l.marshal()), nil
}

// ParseLink parses what Text and URL return. The error is ErrFormat; it does not repeat the text.
func ParseLink(s string) (Link, error) {
	page, encoded, found := strings.Cut(s, "#")
	if !found || page != linkScheme && !isLinkPage(page) {
		return Link{}, fmt.Errorf("link: %w: a link is %s#… or https://HOST/l#…", ErrFormat, linkScheme)
	}
	if len(encoded) != text.EncodedLen(linkSize) {
		return Link{}, fmt.Errorf("link: %w: %d characters behind the # instead of %d", ErrFormat, len(encoded),
			text.EncodedLen(linkSize))
	}
	b, err := decodeText(encoded)
	if err != nil {
		return Link{}, fmt.Errorf("link: %w", err)
	}
	if b[0] != linkOpen && b[0] != linkPassword {
		return Link{}, fmt.Errorf("link: %w: it is of a later version", ErrFormat)
	}
	return Link{
		Store:    StoreID(b[linkOffStore:linkOffPointer]),
		Pointer:  PointerID(b[linkOffPointer:linkOffSecret]),
		Secret:   LinkSecret(b[linkOffSecret:]),
		Password: b[0] == linkPassword,
	}, nil
}

func (l Link) marshal() []byte {
	b := []byte{linkOpen}
	if l.Password {
		b[0] = linkPassword
	}
	b = append(b, l.Store[:]...)
	b = append(b, l.Pointer[:]...)
	return append(b, l.Secret[:]...)
}

// isLinkPage reports whether s is the URL of a page for links: http or https, a host, perhaps a path, then /l.
func isLinkPage(s string) bool {
	rest, secure := strings.CutPrefix(s, "https://")
	if !secure {
		rest, _ = strings.CutPrefix(s, "http://")
	}
	host, found := strings.CutSuffix(rest, "/l")
	if !found || len(rest) == len(s) || len(s) > maxLinkURL || host == "" || host[0] == '/' {
		return false
	}
	return !strings.ContainsFunc(host, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(unsafeInURL, r)
	})
}
