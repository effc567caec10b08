package space

import (
	"postern/crypto"
	"postern/vfs/object"
)

// Keys are what a writer of a space holds: the capability that opens it, and what is the writer's own.
type Keys struct {
	crypto.Capability                  // to write
	Author            crypto.AuthorKey // signs the commits that are made here
	// Frames returns the key of a local file, by the salt in front of it.
	Frames func(salt [32]byte) crypto.FrameKey
}

// Own returns the keys of an account's own space.
func Own(account crypto.AccountSecret) Keys {
	return Keys{Capability: account.Own(), Author: account.Author(), Frames: account.Frames}
}

// openHead returns what a pointer of the space holds. op is what errors call the attempt. The error is vfs.ErrCorrupt.
func openHead(op string, space crypto.Capability, p crypto.Pointer) (object.Head, error) {
	value, err := crypto.OpenValue(space.Read, p)
	if err != nil {
		return object.Head{}, corrupt(op, err)
	}
	head, err := object.DecodeHead(value)
	if err != nil {
		return object.Head{}, corrupt(op, err)
	}
	return head, nil
}
