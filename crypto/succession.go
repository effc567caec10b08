package crypto

import (
	"errors"
	"fmt"
)

// successionVersion is the first byte of a succession.
const successionVersion = 1

// MaxSuccession is the length of the longest succession, in bytes.
const MaxSuccession = 1 + 32 + 1 + maxPackedCard + 64 + 64

// Succession says that an author goes on as another: an account was replaced by a new one. Both have signed it.
type Succession struct {
	Old AuthorID
	New Card
}

// Succeed returns the statement that the account goes on as next, whose card is c. It fails for a card that can't be
// encoded.
func (s AccountSecret) Succeed(next AccountSecret, c Card) ([]byte, error) {
	old := s.Author()
	if next.Author().ID() == old.ID() {
		return nil, errors.New("an account can't succeed itself")
	}
	card, err := next.signCard(c)
	if err != nil {
		return nil, err
	}
	id := old.ID()
	b := append(append([]byte{successionVersion}, id[:]...), card...)
	sig := old.key.sign(append(signedMessage(labelSignSuccession, len(b)), b...))
	return append(b, sig[:]...), nil
}

// ParseSuccession parses and verifies what Succeed returned. The caller checks that it knows Old. The error is
// ErrFormat or ErrSignature.
func ParseSuccession(b []byte) (Succession, error) {
	const offCard = 1 + 32
	end := len(b) - 64
	if end < offCard || len(b) > MaxSuccession || b[0] != successionVersion {
		return Succession{}, fmt.Errorf("succession: %w: it is none, or of a later version", ErrFormat)
	}
	old := AuthorID(b[1:offCard])
	card, err := openCard(b[offCard:end])
	if err != nil {
		return Succession{}, fmt.Errorf("succession: %w", err)
	}
	if card.Author == old {
		return Succession{}, fmt.Errorf("succession: %w: an author succeeds itself", ErrFormat)
	}
	if !verify(old, append(signedMessage(labelSignSuccession, end), b[:end]...), Signature(b[end:])) {
		return Succession{}, fmt.Errorf("succession: %w", ErrSignature)
	}
	return Succession{Old: old, New: card}, nil
}
