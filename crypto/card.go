package crypto

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// CardPrefix begins the text of a contact card.
const CardPrefix = "postern:card#"

// cardVersion is the first byte of a contact card.
const cardVersion = 1

// maxPackedCard bounds a card without padding, in bytes: as many as a letter has room for. So a card that fits one
// place fits all.
const maxPackedCard = messageOffSignature - messageOffCard

// The lengths of the fixed parts of a card without padding.
const (
	packedOffAuthor = 8
	packedOffMeet   = packedOffAuthor + 32
	packedOffInbox  = packedOffMeet + MeetPublicSize
	packedOffName   = packedOffInbox + 32
)

// MaxContactCard is the length of the longest text of a contact card, in bytes.
const MaxContactCard = len(CardPrefix) + ((1+maxPackedCard+64)*8+5)/6

// text is the encoding of bytes in cards and links: base64url without padding.
var text = base64.RawURLEncoding.Strict()

// SignCard returns the text of a contact card: about 1,900 characters, which a QR code holds. The account fills in
// Author and Meet, and its own inbox if c names none. It fails for a name or stores that can't be encoded.
func (s AccountSecret) SignCard(c Card) (string, error) {
	b, err := s.signCard(c)
	if err != nil {
		return "", err
	}
	return CardPrefix + text.EncodeToString(b), nil
}

// ParseCard returns the card that SignCard wrote. It is signed by its author. The error is ErrFormat or ErrSignature.
func ParseCard(s string) (Card, error) {
	encoded, found := strings.CutPrefix(s, CardPrefix)
	if !found || len(s) > MaxContactCard {
		return Card{}, fmt.Errorf("contact card: %w: it is no text of up to %d characters that begins with %q", ErrFormat,
			MaxContactCard, CardPrefix)
	}
	b, err := decodeText(encoded)
	if err != nil {
		return Card{}, fmt.Errorf("contact card: %w", err)
	}
	c, err := openCard(b)
	if err != nil {
		return Card{}, fmt.Errorf("contact card: %w", err)
	}
	return c, nil
}

// signCard returns the bytes of a contact card.
func (s AccountSecret) signCard(c Card) ([]byte, error) {
	b, err := s.own(c).pack([]byte{cardVersion})
	if err != nil {
		return nil, err
	}
	sig := s.Author().key.sign(append(signedMessage(labelSignContact, len(b)), b...))
	return append(b, sig[:]...), nil
}

// openCard parses the bytes of signCard and verifies the signature.
func openCard(b []byte) (Card, error) {
	end := len(b) - 64
	if end < 1 || b[0] != cardVersion {
		return Card{}, fmt.Errorf("%w: it is no card, or of a later version", ErrFormat)
	}
	c, rest, err := cutCard(b[1:end])
	if err != nil {
		return Card{}, err
	}
	if len(rest) > 0 {
		return Card{}, fmt.Errorf("%w: it is too long", ErrFormat)
	}
	if !verify(c.Author, append(signedMessage(labelSignContact, end), b[:end]...), Signature(b[end:])) {
		return Card{}, ErrSignature
	}
	return c, nil
}

// Marshal returns the card without a signature, for the private state of an account that has verified it. It fails for
// a name or stores that can't be encoded.
func (c Card) Marshal() ([]byte, error) { return c.pack(nil) }

// UnmarshalCard parses the bytes of Marshal. The error is ErrFormat.
func UnmarshalCard(b []byte) (Card, error) {
	c, rest, err := cutCard(b)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%w: it is too long", ErrFormat)
	}
	if err != nil {
		return Card{}, fmt.Errorf("card: %w", err)
	}
	return c, nil
}

// own returns the card with what only the account can say of itself.
func (s AccountSecret) own(c Card) Card {
	c.Author, c.Meet = s.Author().ID(), s.Meet().Public()
	if c.Inbox == (InboxID{}) {
		c.Inbox = s.InboxID()
	}
	return c
}

// pack appends the card without padding.
func (c Card) pack(b []byte) ([]byte, error) {
	if !isCardName(c.Name) {
		return nil, fmt.Errorf("%q is not how a name is written", c.Name)
	}
	if len(c.Stores) > MaxStores {
		return nil, fmt.Errorf("a card has %d stores at most, not %d", MaxStores, len(c.Stores))
	}
	start := len(b)
	b = binary.BigEndian.AppendUint64(b, c.Seq)
	b = append(b, c.Author[:]...)
	b = append(b, c.Meet[:]...)
	b = append(b, c.Inbox[:]...)
	b = append(b, byte(len(c.Name)))
	b = append(b, c.Name...)
	b, err := appendStores(b, c.Stores)
	if err != nil {
		return nil, err
	}
	if len(b)-start > maxPackedCard {
		return nil, errors.New("the URLs of the stores are too long for a card")
	}
	return b, nil
}

// cutCard parses a card without padding, and returns the bytes behind it. It does not verify the signature.
func cutCard(b []byte) (Card, []byte, error) {
	if len(b) <= packedOffName || int(b[packedOffName]) > len(b)-packedOffName-1 {
		return Card{}, nil, fmt.Errorf("%w: it is too short", ErrFormat)
	}
	name, rest := b[packedOffName+1:][:b[packedOffName]], b[packedOffName+1+int(b[packedOffName]):]
	c := Card{
		Seq:    binary.BigEndian.Uint64(b),
		Author: AuthorID(b[packedOffAuthor:packedOffMeet]),
		Meet:   MeetPublic(b[packedOffMeet:packedOffInbox]),
		Inbox:  InboxID(b[packedOffInbox:packedOffName]),
		Name:   string(name),
	}
	if !isCardName(c.Name) {
		return Card{}, nil, fmt.Errorf("%w: the name in it", ErrFormat)
	}
	stores, rest, err := cutStores(rest)
	if err != nil {
		return Card{}, nil, err
	}
	if len(b)-len(rest) > maxPackedCard {
		return Card{}, nil, fmt.Errorf("%w: it is too long", ErrFormat)
	}
	c.Stores = stores
	return c, rest, nil
}

// isCardName reports whether a card can hold the name.
func isCardName(name string) bool {
	if len(name) > maxUserName {
		return false
	}
	clean, err := NormalizeUser(name)
	return name == "" || err == nil && clean == name
}

// decodeText decodes base64url without padding. It rejects line breaks, which package base64 passes over.
func decodeText(s string) ([]byte, error) {
	b, err := text.DecodeString(s)
	if err != nil || text.EncodedLen(len(b)) != len(s) {
		return nil, fmt.Errorf("%w: it is cut off, or a character was changed", ErrFormat)
	}
	return b, nil
}
