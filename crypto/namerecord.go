package crypto

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/blake3"
)

// NameRecordSize is the length of every name record in bytes.
const NameRecordSize = 4096

// The layout of a name record, and of its sealed contents.
const (
	nameMagic        = "namerec1"
	nameOffHolder    = len(nameMagic)
	nameOffSeq       = nameOffHolder + 32
	nameOffSalt      = nameOffSeq + 8
	nameOffSealed    = nameOffSalt + 32
	nameOffSignature = NameRecordSize - 64

	cardSize         = nameOffSignature - nameOffSealed - TagSize
	cardOffMeet      = 32
	cardOffInbox     = cardOffMeet + MeetPublicSize
	cardOffStores    = cardOffInbox + 32
	cardOffSignature = cardSize - 64

	// MaxStores bounds the stores of a Card, MaxStoreURL the length of the URL of one, in bytes.
	MaxStores   = 4
	MaxStoreURL = 512
)

type (
	// NameID is a name's identifier at a store. Anybody who guesses the name can compute it.
	NameID [32]byte

	// HolderID is the public key of a name's holder, a different one for each name. It does not reveal the account.
	HolderID [32]byte

	// HolderSeed is the seed of the key that holds one name. An account that succeeds another takes it over.
	HolderSeed [KeySize]byte

	// NameRecord is one state of a name as a store keeps it: a sealed Card, signed by the name's holder.
	NameRecord [NameRecordSize]byte
)

// Card holds what is needed to contact an account. It comes in a name record, as text, or in a letter, and is signed by
// its author in all three.
type Card struct {
	Seq    uint64 // of two cards of one author the one with the greater number counts
	Author AuthorID
	Meet   MeetPublic
	Inbox  InboxID
	Name   string   // claimed by the account, or how it wants to be called: as NormalizeUser returns it, or empty
	Stores []string // URLs of the stores where its inbox is: at most MaxStores, of printable ASCII
}

// NameIDOf returns the id of a name, which must be normalised by NormalizeUser.
func NameIDOf(name string) NameID { return NameID(hashName(labelNameID, name)) }

// hashName returns a hash of a name for one use.
func hashName(label, name string) [KeySize]byte {
	return blake3.Sum256(append(signedMessage(label, len(name)), name...))
}

// Holder returns the seed of the key that holds the name when the account claims it.
func (s AccountSecret) Holder(name string) HolderSeed {
	id := NameIDOf(name)
	return derive(s, id[:], labelAccountHolder)
}

// ID returns the public key of the holder.
func (h HolderSeed) ID() HolderID { return newSigner(h).public() }

// SealName returns state seq of the record of a name for the account: its own author id, meet key and inbox, and the
// given stores. It fails for a name or stores that can't be encoded, and if rand fails.
func (s AccountSecret) SealName(name string, seq uint64, stores []string, rand io.Reader) (NameRecord, error) {
	return s.SealHeldName(s.Holder(name), name, seq, stores, rand)
}

// SealHeldName is SealName for a name that an earlier account of the same person has claimed.
func (s AccountSecret) SealHeldName(
	h HolderSeed, name string, seq uint64, stores []string, rand io.Reader,
) (r NameRecord, err error) {
	if clean, err := NormalizeUser(name); err != nil || clean != name {
		return NameRecord{}, errors.Join(fmt.Errorf("%q is not how a name is written", name), err)
	}
	salt, err := Random[[32]byte](rand)
	if err != nil {
		return NameRecord{}, err
	}
	author := s.Author()
	card, err := Card{Author: author.ID(), Meet: s.Meet().Public(), Inbox: s.InboxID(), Stores: stores}.marshal()
	if err != nil {
		return NameRecord{}, err
	}
	id := NameIDOf(name)
	holder := newSigner(h)
	public := holder.public()
	head := append(make([]byte, 0, NameRecordSize), nameMagic...)
	head = append(head, public[:]...)
	head = binary.BigEndian.AppendUint64(head, seq)
	head = append(head, salt[:]...)
	sig := author.key.sign(cardMessage(id, head, card[:cardOffSignature]))
	copy(card[cardOffSignature:], sig[:])
	b := sealOnce(head, nameKey(name, salt[:]), card, nameAD(id, head))
	sig = holder.sign(nameMessage(id, b))
	return NameRecord(append(b, sig[:]...)), nil
}

// Holder returns the key that may replace the record.
func (r *NameRecord) Holder() HolderID { return HolderID(r[nameOffHolder:nameOffSeq]) }

// Seq returns the sequence number of the state.
func (r *NameRecord) Seq() uint64 { return binary.BigEndian.Uint64(r[nameOffSeq:]) }

// Verify returns ErrFormat or ErrSignature unless the record is one of the name with that id, signed by its holder. It
// needs no secret, so stores can check records.
func (r *NameRecord) Verify(id NameID) error {
	if string(r[:nameOffHolder]) != nameMagic {
		return fmt.Errorf("name record: %w: it does not begin with %q", ErrFormat, nameMagic)
	}
	if !verify(r.Holder(), nameMessage(id, r[:nameOffSignature]), Signature(r[nameOffSignature:])) {
		return fmt.Errorf("record of name %v: %w", id, ErrSignature)
	}
	return nil
}

// Open returns the card in a record of a name, signed by its holder and by its author. The error is ErrFormat,
// ErrSignature or ErrOpen.
func (r *NameRecord) Open(name string) (Card, error) {
	id := NameIDOf(name)
	if err := r.Verify(id); err != nil {
		return Card{}, err
	}
	head := r[:nameOffSealed]
	plain, err := openOnce(nil, nameKey(name, r[nameOffSalt:nameOffSealed]), r[nameOffSealed:nameOffSignature],
		nameAD(id, head))
	if err != nil {
		return Card{}, fmt.Errorf("record of name %q: %w", name, err)
	}
	card, err := parseCard(plain)
	if err != nil {
		return Card{}, fmt.Errorf("record of name %q: %w", name, err)
	}
	if !verify(card.Author, cardMessage(id, head, plain[:cardOffSignature]), Signature(plain[cardOffSignature:])) {
		return Card{}, fmt.Errorf("record of name %q: %w", name, ErrSignature)
	}
	card.Seq, card.Name = r.Seq(), name
	return card, nil
}

// ParseNameRecord returns the record of NameRecordSize bytes. It does not verify the signature. The error is ErrFormat.
func ParseNameRecord(b []byte) (NameRecord, error) {
	if len(b) != NameRecordSize {
		return NameRecord{}, fmt.Errorf("name record: %w: %d bytes instead of %d", ErrFormat, len(b), NameRecordSize)
	}
	return NameRecord(b), nil
}

// marshal returns the encoding of the card, with room for the signature at its end.
func (c Card) marshal() ([]byte, error) {
	if len(c.Stores) > MaxStores {
		return nil, fmt.Errorf("a name has %d stores at most, not %d", MaxStores, len(c.Stores))
	}
	b := append(make([]byte, 0, cardSize), c.Author[:]...)
	b = append(b, c.Meet[:]...)
	b = append(b, c.Inbox[:]...)
	b, err := appendStores(b, c.Stores)
	if err != nil {
		return nil, err
	}
	return b[:cardSize], nil
}

// appendStores appends the number of stores, then each URL behind its length.
func appendStores(b []byte, stores []string) ([]byte, error) {
	b = append(b, byte(len(stores)))
	for _, url := range stores {
		if !isStoreURL(url) {
			return nil, fmt.Errorf("the URL of a store is 1 to %d printable ASCII characters", MaxStoreURL)
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(url)))
		b = append(b, url...)
	}
	return b, nil
}

// parseCard parses the encoding of marshal; it does not verify the signature.
func parseCard(b []byte) (Card, error) {
	c := Card{
		Author: AuthorID(b), Meet: MeetPublic(b[cardOffMeet:cardOffInbox]), Inbox: InboxID(b[cardOffInbox:cardOffStores]),
	}
	stores, rest, err := cutStores(b[cardOffStores:cardOffSignature])
	if err != nil {
		return Card{}, err
	}
	if !isZero(rest) {
		return Card{}, fmt.Errorf("%w: its padding is not zero", ErrFormat)
	}
	c.Stores = stores
	return c, nil
}

// cutStores parses what appendStores has appended, and returns the bytes behind it.
func cutStores(b []byte) (stores []string, rest []byte, err error) {
	if len(b) == 0 || b[0] > MaxStores {
		return nil, nil, fmt.Errorf("%w: the number of stores", ErrFormat)
	}
	count, rest := int(b[0]), b[1:]
	for range count {
		if len(rest) < 2 {
			return nil, nil, fmt.Errorf("%w: the URL of a store", ErrFormat)
		}
		n := int(binary.BigEndian.Uint16(rest))
		if n > MaxStoreURL || n > len(rest)-2 || !isStoreURL(string(rest[2:2+n])) {
			return nil, nil, fmt.Errorf("%w: the URL of a store", ErrFormat)
		}
		stores, rest = append(stores, string(rest[2:2+n])), rest[2+n:]
	}
	return stores, rest, nil
}

// isZero reports whether all bytes are zero.
func isZero(b []byte) bool {
	for _, b := range b {
		if b != 0 {
			return false
		}
	}
	return true
}

// isStoreURL reports whether a card can hold the URL.
func isStoreURL(url string) bool {
	for i := range len(url) {
		if url[i] <= ' ' || url[i] > '~' {
			return false
		}
	}
	return url != "" && len(url) <= MaxStoreURL
}

// nameKey returns the key of one record of a name.
func nameKey(name string, salt []byte) [KeySize]byte {
	return derive(hashName(labelNameRoot, name), salt, labelNameKey)
}

// nameAD binds a sealed card to its place; head is the record before it.
func nameAD(id NameID, head []byte) []byte {
	return append(append(signedMessage(labelNameRecord, len(id)+len(head)), id[:]...), head...)
}

// nameMessage returns the message that the holder of a name signs: the record before the signature.
func nameMessage(id NameID, b []byte) []byte {
	return append(append(signedMessage(labelSignName, len(id)+len(b)), id[:]...), b...)
}

// cardMessage returns the message that the author of a card signs: the record before the card, and the card before the
// signature.
func cardMessage(id NameID, head, card []byte) []byte {
	msg := append(signedMessage(labelSignCard, len(id)+len(head)+len(card)), id[:]...)
	return append(append(msg, head...), card...)
}

// ParseNameID parses the text of String: 64 lower-case hex digits. The error is ErrFormat.
func ParseNameID(s string) (NameID, error) {
	b, err := parseHex32(s)
	if err != nil {
		return NameID{}, fmt.Errorf("name id: %w", err)
	}
	return b, nil
}

// String returns the id as 64 lower-case hex digits.
func (id NameID) String() string { return hex.EncodeToString(id[:]) }
