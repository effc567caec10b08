package crypto

import (
	"crypto/hpke"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/zeebo/blake3"
)

// The layout of a letter: an encapsulated key, sealed bytes, a stamp.
const (
	// LetterSize is the length of every letter in bytes, LetterPlain that of its contents.
	LetterSize  = letterOffStamp + 8
	LetterPlain = letterOffStamp - letterOffSealed - TagSize

	// StampBits is how many zero bits the name of a letter begins with.
	StampBits = 20

	// MeetPublicSize is the length of a MeetPublic in bytes.
	MeetPublicSize = 1216

	letterOffSealed = 1120
	letterOffStamp  = 4088
)

type (
	// Letter is a message that a stranger drops into an inbox. Without the key to open it, it reveals nothing about the
	// sender.
	Letter [LetterSize]byte

	// LetterName is the BLAKE3-256 hash of a letter.
	LetterName [32]byte

	// InboxID names an inbox: an Ed25519 public key.
	InboxID [32]byte

	// MeetKey opens the letters to an account: the seed of a key pair of MLKEM768-X25519.
	MeetKey [KeySize]byte

	// MeetPublic seals letters to an account: the public half of a MeetKey.
	MeetPublic [MeetPublicSize]byte
)

// Meet returns the key that opens the letters to the account.
func (s AccountSecret) Meet() MeetKey { return derive(s, nil, labelAccountMeet) }

// InboxID returns the inbox in the account's name record.
func (s AccountSecret) InboxID() InboxID {
	return newSigner(derive(s, nil, labelAccountInbox)).public()
}

// Door returns inbox number n of the account's further ones. A card that is handed out by hand names a door of its own,
// so that it can be closed alone. All devices of the account compute the same.
func (s AccountSecret) Door(n uint32) InboxID {
	return newSigner(derive(s, binary.BigEndian.AppendUint32(nil, n), labelAccountDoor)).public()
}

// Public returns the public half of k.
func (k MeetKey) Public() MeetPublic { return MeetPublic(k.pair().PublicKey().Bytes()) }

func (k MeetKey) pair() hpke.PrivateKey {
	pair, err := hpke.MLKEM768X25519().DeriveKeyPair(k[:])
	if err != nil {
		panic("crypto: unreachable, the seed has the right length: " + err.Error())
	}
	return pair
}

// SealLetter seals LetterPlain bytes to the account of m, with the system's randomness. The letter has no stamp yet. It
// fails if plain has another length, and with ErrFormat if m is no public key.
func (m MeetPublic) SealLetter(plain []byte) (l Letter, err error) {
	if len(plain) != LetterPlain {
		return Letter{}, fmt.Errorf("a letter holds %d bytes, not %d", LetterPlain, len(plain))
	}
	public, err := hpke.MLKEM768X25519().NewPublicKey(m[:])
	if err != nil {
		return Letter{}, fmt.Errorf("meet key: %w: it is no public key of MLKEM768-X25519", ErrFormat)
	}
	sealed, err := hpke.Seal(public, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(labelLetter), plain)
	if err != nil {
		return Letter{}, fmt.Errorf("seal a letter: %w", err)
	}
	copy(l[:], sealed)
	return l, nil
}

// OpenLetter returns the LetterPlain bytes of a letter, in new memory. It does not check the stamp. The error is
// ErrOpen.
func (k MeetKey) OpenLetter(l Letter) ([]byte, error) {
	plain, err := hpke.Open(k.pair(), hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(labelLetter), l[:letterOffStamp])
	if err != nil {
		return nil, fmt.Errorf("letter: %w", ErrOpen)
	}
	return plain, nil
}

// Stamped reports whether the letter has a stamp. Stores and readers reject letters without one.
func (l *Letter) Stamped() bool { return l.Name().Stamped() }

// Name returns the name of the letter.
func (l *Letter) Name() LetterName { return blake3.Sum256(l[:]) }

// Stamped reports whether n is the name of a letter that has a stamp.
func (n LetterName) Stamped() bool { return binary.BigEndian.Uint32(n[:])>>(32-StampBits) == 0 }

// ParseLetter returns the letter of LetterSize bytes. It does not check the stamp. The error is ErrFormat.
func ParseLetter(b []byte) (Letter, error) {
	if len(b) != LetterSize {
		return Letter{}, fmt.Errorf("letter: %w: %d bytes instead of %d", ErrFormat, len(b), LetterSize)
	}
	return Letter(b), nil
}

// ParseLetterName parses the text of String: 64 lower-case hex digits. The error is ErrFormat.
func ParseLetterName(s string) (LetterName, error) {
	b, err := parseHex32(s)
	if err != nil {
		return LetterName{}, fmt.Errorf("letter name: %w", err)
	}
	return b, nil
}

// String returns the name as 64 lower-case hex digits.
func (n LetterName) String() string { return hex.EncodeToString(n[:]) }

// ParseInboxID parses the text of String: 64 lower-case hex digits. The error is ErrFormat.
func ParseInboxID(s string) (InboxID, error) {
	b, err := parseHex32(s)
	if err != nil {
		return InboxID{}, fmt.Errorf("inbox id: %w", err)
	}
	return b, nil
}

// String returns the id as 64 lower-case hex digits.
func (id InboxID) String() string { return hex.EncodeToString(id[:]) }
