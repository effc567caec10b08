package base

import "postern/crypto"

// Keys are what a writer of a space holds: the capability that opens it, and the writer's own keys.
type Keys struct {
	crypto.Capability                  // to write
	Author            crypto.AuthorKey // signs the commits that are made here
	Listed            bool             // the space's pointer is listed; never that of an account's own space
	// Frames returns the key of a local file, by the salt in front of it.
	Frames func(salt [32]byte) crypto.FrameKey
}

// Own returns the keys of an account's own space.
func Own(account crypto.AccountSecret) Keys {
	return Keys{Capability: account.Own(), Author: account.Author(), Frames: account.Frames}
}
