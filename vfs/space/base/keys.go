package base

import (
	"postern/crypto"
	"postern/vfs/object"
)

// Keys are the keys of a writer of a space: the capability that opens it, and the writer's own keys.
type Keys struct {
	crypto.Capability                  // to write
	Author            crypto.AuthorKey // signs the commits that are made here
	Listed            bool             // the space's pointer is listed; never set for an account's own space
	// Frames returns the key of a local file for the salt at its beginning.
	Frames func(salt [32]byte) crypto.FrameKey
}

// Own returns the keys of an account's own space.
func Own(account crypto.AccountSecret) Keys {
	return Keys{Capability: account.Own(), Author: account.Author(), Frames: account.Frames}
}

// Of returns the keys of a writer of a space that is not the account's own: a capability to write it, and the account
// that writes.
func Of(space crypto.Capability, account crypto.AccountSecret) Keys {
	return Keys{Capability: space, Author: account.Author(), Listed: true, Frames: account.Frames}
}

// Device returns the id of a device in the commits of this writer.
func (k *Keys) Device(id object.DeviceID) object.DeviceID {
	if !k.Listed {
		return id
	}
	return id.By(k.Author.ID())
}

// Owns reports whether the writer owns the space. Only the owner changes the roster, thins the history and collects
// garbage.
func (k *Keys) Owns() bool { return k.Author.ID() == k.Capability.Owner }
