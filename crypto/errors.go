package crypto

import "errors"

// The kinds of failure. Callers ask with errors.Is; nothing in an error tells a secret.
var (
	// ErrOpen says that sealed bytes do not authenticate under this key at this place: they were changed, cut, moved, or
	// belong to something else. Why can't be told, and mustn't.
	ErrOpen = errors.New("does not open: changed, or sealed under another key")

	// ErrFormat says that bytes are malformed, or not the one canonical encoding of what they mean.
	ErrFormat = errors.New("malformed")

	// ErrSignature says that a signature is not by the key it should be by.
	ErrSignature = errors.New("wrong signature")

	// ErrRetired says that a login record was given up: the passphrase was changed since.
	ErrRetired = errors.New("this passphrase was changed since")
)
