package bundle

import (
	"errors"
	"fmt"

	"postern/crypto"
	"postern/remote/transfer"
)

// mail collects letters and records of names, and enforces the rules of BUNDLE.md for them.
type mail struct {
	items []transfer.Item
	seen  map[[2 * idSize]byte]bool // inbox and name of a letter; name of a record
}

// add appends an item.
func (m *mail) add(i transfer.Item) error {
	if n := len(m.items); n > 0 && m.items[n-1].Letter == nil && i.Letter != nil {
		return errors.New("records are out of order")
	}
	if len(m.items) == maxMail {
		return fmt.Errorf("there are more than %d letters and names", maxMail)
	}
	if err := i.Verify(); err != nil {
		return err
	}
	key := [2 * idSize]byte(append(i.Name[:], make([]byte, idSize)...))
	if i.Letter != nil {
		name := i.Letter.Name()
		key = [2 * idSize]byte(append(i.Inbox[:], name[:]...))
	}
	if m.seen[key] {
		return errors.New("a letter or name occurs twice")
	}
	if m.seen == nil {
		m.seen = map[[2 * idSize]byte]bool{}
	}
	m.seen[key] = true
	m.items = append(m.items, i)
	return nil
}

// checkMail enforces the rules for a whole list.
func checkMail(items []transfer.Item) error {
	var m mail
	for _, i := range items {
		if err := m.add(i); err != nil {
			return err
		}
	}
	return nil
}

// marshalItem returns the payload and the kind of an item's record.
func marshalItem(i transfer.Item) (kind, []byte) {
	if i.Letter != nil {
		return kindLetter, append(i.Inbox[:], i.Letter[:]...)
	}
	return kindName, append(i.Name[:], i.Record[:]...)
}

// parseItem decodes the payload of a record, whose length fits its kind.
func parseItem(k kind, payload []byte) (transfer.Item, error) {
	id, rest := [idSize]byte(payload), payload[idSize:]
	if k == kindLetter {
		letter := crypto.Letter(rest)
		return transfer.Item{Inbox: id, Letter: &letter}, nil
	}
	record, err := crypto.ParseNameRecord(rest)
	return transfer.Item{Name: id, Record: &record}, err
}
