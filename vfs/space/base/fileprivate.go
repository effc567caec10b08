package base

import (
	"encoding/binary"
	"errors"
	"fmt"

	"postern/crypto"
	"postern/vfs/registry"
)

// A File with a private state has the salt, and then frames: the first holds the commit and the number of the others,
// which hold parts of the private state. Each is preceded by its length.

// savedFrames is the content of the first frame.
type savedFrames struct {
	_     struct{} `cbor:",toarray"`
	Base  []byte   // encoded saved
	Parts uint64
}

// errNoPrivate says that a file is none with a private state.
var errNoPrivate = errors.New("no private state")

func (f File) sealPrivate(salt [saltSize]byte, plain []byte, private registry.State) ([]byte, error) {
	parts := private.Split()
	first, err := crypto.Encode(savedFrames{Base: plain, Parts: uint64(len(parts))})
	if err != nil {
		return nil, err
	}
	key, file := f.Frames(salt), salt[:]
	add := func(n int, plain []byte) {
		file = binary.BigEndian.AppendUint32(file, uint32(len(plain)+crypto.FrameOverhead))
		file = crypto.SealFrame(file, key, uint64(n), []byte(savedPrivate), plain)
	}
	add(0, first)
	for i, part := range parts {
		b, err := part.Encode()
		if err != nil {
			return nil, err
		}
		add(i+1, b)
	}
	return file, nil
}

// openPrivate is the inverse of sealPrivate. The error is errNoPrivate for a file of an earlier version.
func (f File) openPrivate(sealed []byte) (s saved, private *registry.State, err error) {
	key, left := f.Frames([saltSize]byte(sealed)), sealed[saltSize:]
	next := func(n int) ([]byte, error) {
		if len(left) < 4 {
			return nil, crypto.ErrFormat
		}
		size := binary.BigEndian.Uint32(left)
		if left = left[4:]; uint64(size) > uint64(len(left)) {
			return nil, crypto.ErrFormat
		}
		plain, err := crypto.OpenFrame(key, uint64(n), []byte(savedPrivate), left[:size])
		left = left[size:]
		return plain, err
	}
	plain, err := next(0)
	if err != nil {
		return s, nil, fmt.Errorf("%w: %w", errNoPrivate, err)
	}
	var first savedFrames
	if err := crypto.Decode(plain, &first); err != nil {
		return s, nil, err
	}
	if err := crypto.Decode(first.Base, &s); err != nil {
		return s, nil, err
	}
	private = &registry.State{}
	for i := range first.Parts {
		plain, err := next(int(i) + 1)
		if err != nil {
			return s, nil, err
		}
		part, err := registry.Decode(plain)
		if err != nil {
			return s, nil, err
		}
		*private = registry.Join(*private, part)
	}
	if len(left) > 0 {
		return s, nil, crypto.ErrFormat
	}
	return s, private, nil
}
