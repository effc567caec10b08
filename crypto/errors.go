package crypto

import "errors"

// The kinds of failure. Callers ask with errors.Is; no error contains a secret.
var (
	// ErrOpen means that sealed bytes do not authenticate under this key at this place: they were changed, cut, moved, or
	// belong elsewhere. The reason is unknown, and must not be revealed.
	ErrOpen = errors.New("does not open: changed, or sealed under another key")

	// ErrFormat means that bytes are malformed, or not the one canonical encoding of what they mean.
	ErrFormat = errors.New("malformed")

	// ErrSignature means that a signature is not by the expected key.
	ErrSignature = errors.New("wrong signature")

	// ErrRetired means that a login record was retired: the passphrase was changed since.
	ErrRetired = errors.New("this passphrase was changed since")

	// ErrRecipient means that a letter was written to another account, whose owner opened it and sent it on.
	ErrRecipient = errors.New("written to another account")

	// ErrPassword means that a link needs a password, and none or another one was given.
	ErrPassword = errors.New("the link needs its password")

	// ErrRevoked means that the creator of a link has revoked it.
	ErrRevoked = errors.New("the link was revoked")
)
