package base

import (
	"postern/crypto"
	"postern/vfs/object"
)

// savedAuthors is the label of files of spaces with a roster.
const savedAuthors = "postern base 4"

// saved4 is the content of the file of a space with a roster.
type saved4 struct {
	_       struct{} `cbor:",toarray"`
	Saved   saved
	Roster  []byte           // empty: not loaded
	Doubted []object.Applied // entries of Applied that are not believed
	Before  []object.Applied // those to believe instead
}

// encode returns the content of the file of a state, and the label of its version.
func (s State) encode(of saved) (label string, plain []byte, err error) {
	if s.Commit.Roster == (object.Ref{}) {
		plain, err = crypto.Encode(of)
		return savedLabel, plain, err
	}
	with := saved4{Saved: of}
	if s.Roster != nil {
		with.Roster = s.Roster.Encode()
	}
	if s.doubt != nil {
		with.Doubted, with.Before = s.doubt.doubted, s.doubt.before
	}
	plain, err = crypto.Encode(with)
	return savedAuthors, plain, err
}

// decodeAuthors decodes the content of the file of a space with a roster.
func decodeAuthors(plain []byte) (of saved, known Authors, err error) {
	var with saved4
	if err := crypto.Decode(plain, &with); err != nil {
		return of, known, err
	}
	if len(with.Doubted)+len(with.Before) > 0 {
		known.doubt = &doubt{doubted: with.Doubted, before: with.Before}
	}
	if len(with.Roster) > 0 {
		roster, err := object.DecodeRoster(with.Roster)
		if err != nil {
			return of, known, err
		}
		known.Roster = &roster
	}
	return with.Saved, known, nil
}
