package crypto

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The layout of a message, which is the plain bytes of a letter. The card is followed by zeros.
const (
	messageVersion      = 1
	messageOffKind      = 1
	messageOffID        = 2
	messageOffDay       = messageOffID + 16
	messageOffTo        = messageOffDay + 4
	messageOffReply     = messageOffTo + 32
	messageOffPair      = messageOffReply + 16
	messageOffCard      = messageOffPair + ReadCapabilitySize
	messageOffSignature = LetterPlain - 64
)

// MessageKind says what a message is for.
type MessageKind byte

// The kinds of messages.
const (
	// Request asks the recipient to become a friend.
	Request MessageKind = 1
	// Reply accepts the request ReplyTo.
	Reply MessageKind = 2
	// Dummy means nothing, so that a store does not see from the number of letters whether somebody asks or replies.
	Dummy MessageKind = 3
)

// MessageID is 16 random bytes. A message that is sealed anew keeps its id.
type MessageID [16]byte

// Message is what a letter says. Its sender is From.Author.
type Message struct {
	Kind    MessageKind
	ID      MessageID
	Day     uint32     // days since 1970-01-01 UTC
	ReplyTo MessageID  // the request that a Reply accepts; else zero
	From    Card       // the sender's
	Pair    Capability // to read the space that the sender keeps for the recipient; zero in a Dummy
}

// SealMessage returns a letter from the account to the owner of a card, without a stamp. The account fills in Author
// and Meet of From, and its own inbox if From names none. It fails for a message that can't be encoded, and with
// ErrFormat if the card has no valid meet key.
func (s AccountSecret) SealMessage(to Card, m Message) (Letter, error) {
	m.From = s.own(m.From)
	plain, err := m.marshal(to.Author)
	if err != nil {
		return Letter{}, err
	}
	sig := s.Author().key.sign(messageMessage(plain))
	copy(plain[messageOffSignature:], sig[:])
	return to.Meet.SealLetter(plain)
}

// OpenMessage returns what a letter to the account says. It checks the sender's signature, and that the sender wrote it
// to this account; it does not check the stamp, the day, or whether the message came before. Errors: ErrOpen,
// ErrFormat, ErrRecipient, ErrSignature.
func (s AccountSecret) OpenMessage(l Letter) (Message, error) {
	plain, err := s.Meet().OpenLetter(l)
	if err != nil {
		return Message{}, err
	}
	m, err := openMessage(s.Author().ID(), plain)
	if err != nil {
		return Message{}, fmt.Errorf("letter: %w", err)
	}
	return m, nil
}

// openMessage parses and verifies the plain bytes of a letter to an author.
func openMessage(to AuthorID, plain []byte) (Message, error) {
	m, err := parseMessage(plain)
	switch {
	case err != nil:
		return Message{}, err
	case AuthorID(plain[messageOffTo:messageOffReply]) != to:
		return Message{}, ErrRecipient
	case !verify(m.From.Author, messageMessage(plain), Signature(plain[messageOffSignature:])):
		return Message{}, ErrSignature
	}
	return m, nil
}

// marshal returns the encoding of the message, with room for the signature at its end.
func (m Message) marshal(to AuthorID) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	b := append(make([]byte, 0, LetterPlain), messageVersion, byte(m.Kind))
	b = append(b, m.ID[:]...)
	b = binary.BigEndian.AppendUint32(b, m.Day)
	b = append(b, to[:]...)
	b = append(b, m.ReplyTo[:]...)
	if m.Kind != Dummy {
		b = append(b, m.Pair.Marshal()...)
	}
	b, err := m.From.pack(b[:messageOffCard])
	if err != nil {
		return nil, err
	}
	return b[:LetterPlain], nil
}

// parseMessage parses the encoding of marshal; it does not verify the signature.
func parseMessage(b []byte) (m Message, err error) {
	if len(b) != LetterPlain || b[0] != messageVersion {
		return Message{}, fmt.Errorf("%w: it is no message, or of a later version", ErrFormat)
	}
	m = Message{
		Kind:    MessageKind(b[messageOffKind]),
		ID:      MessageID(b[messageOffID:messageOffDay]),
		Day:     binary.BigEndian.Uint32(b[messageOffDay:messageOffTo]),
		ReplyTo: MessageID(b[messageOffReply:messageOffPair]),
	}
	if pair := b[messageOffPair:messageOffCard]; m.Kind != Dummy || !isZero(pair) {
		if m.Pair, err = ParseCapability(pair); err != nil {
			return Message{}, err
		}
	}
	from, rest, err := cutCard(b[messageOffCard:messageOffSignature])
	if err != nil {
		return Message{}, err
	}
	if m.From = from; !isZero(rest) {
		return Message{}, fmt.Errorf("%w: its padding is not zero", ErrFormat)
	}
	if err := m.check(); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return m, nil
}

// check returns an error unless the parts of the message are those of its kind.
func (m Message) check() error {
	switch m.Kind {
	case Request, Reply:
		switch {
		case m.Pair.Owner != m.From.Author:
			return errors.New("the space in a message is its sender's")
		case m.Pair.CanWrite():
			return errors.New("the space in a message can only be read")
		}
	case Dummy:
		if m.Pair != (Capability{}) {
			return errors.New("a dummy has no space")
		}
	default:
		return fmt.Errorf("unknown kind %d", m.Kind)
	}
	if (m.Kind == Reply) == (m.ReplyTo == MessageID{}) {
		return errors.New("a reply names a request, and nothing else does")
	}
	if m.ID == (MessageID{}) {
		return errors.New("a message has an id")
	}
	return nil
}

// messageMessage returns what the sender signs: the plain bytes before the signature.
func messageMessage(plain []byte) []byte {
	return append(signedMessage(labelSignMessage, messageOffSignature), plain[:messageOffSignature]...)
}
