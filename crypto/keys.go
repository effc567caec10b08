package crypto

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// KeySize is the length of every key and of every secret in bytes.
const KeySize = 32

// TagSize is what sealing adds: the tag of Poly1305, in bytes.
const TagSize = 16

// The keys. Each purpose has its own type, so that the compiler notices a mix-up. They are comparable, their zero value is no
// key, and none of them shows itself when printed, logged or written as JSON; CBOR holds them as byte strings.
type (
	// NodeKey seals one node: a folder page, a file's index, a commit. It is used once.
	NodeKey [KeySize]byte

	// MetaKey seals the metadata of one chunk. It is used once.
	MetaKey [KeySize]byte

	// BytesKey seals the bytes of one chunk, segment by segment.
	BytesKey [KeySize]byte

	// ReadKey opens the values of a space's pointer, and so the space.
	ReadKey [KeySize]byte

	// FrameKey seals the frames of one local file, counted by their number.
	FrameKey [KeySize]byte

	// AccountSecret is what a whole account is derived from.
	AccountSecret [KeySize]byte
)

// redacted is what a secret looks like when printed.
const redacted = "(secret)"

// errSecretText keeps keys out of JSON and other texts: failing is noticed, a placeholder would be stored.
var errSecretText = errors.New("a key is never written as text")

func redact(f fmt.State) { _, _ = io.WriteString(f, redacted) }

// String hides the key.
func (NodeKey) String() string { return redacted }

// GoString hides the key.
func (NodeKey) GoString() string { return redacted }

// Format hides the key, whatever the verb.
func (NodeKey) Format(f fmt.State, _ rune) { redact(f) }

// LogValue hides the key.
func (NodeKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText always fails.
func (NodeKey) MarshalText() ([]byte, error) { return nil, errSecretText }

// String hides the key.
func (MetaKey) String() string { return redacted }

// GoString hides the key.
func (MetaKey) GoString() string { return redacted }

// Format hides the key, whatever the verb.
func (MetaKey) Format(f fmt.State, _ rune) { redact(f) }

// LogValue hides the key.
func (MetaKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText always fails.
func (MetaKey) MarshalText() ([]byte, error) { return nil, errSecretText }

// String hides the key.
func (BytesKey) String() string { return redacted }

// GoString hides the key.
func (BytesKey) GoString() string { return redacted }

// Format hides the key, whatever the verb.
func (BytesKey) Format(f fmt.State, _ rune) { redact(f) }

// LogValue hides the key.
func (BytesKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText always fails.
func (BytesKey) MarshalText() ([]byte, error) { return nil, errSecretText }

// String hides the key.
func (ReadKey) String() string { return redacted }

// GoString hides the key.
func (ReadKey) GoString() string { return redacted }

// Format hides the key, whatever the verb.
func (ReadKey) Format(f fmt.State, _ rune) { redact(f) }

// LogValue hides the key.
func (ReadKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText always fails.
func (ReadKey) MarshalText() ([]byte, error) { return nil, errSecretText }

// String hides the key.
func (FrameKey) String() string { return redacted }

// GoString hides the key.
func (FrameKey) GoString() string { return redacted }

// Format hides the key, whatever the verb.
func (FrameKey) Format(f fmt.State, _ rune) { redact(f) }

// LogValue hides the key.
func (FrameKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText always fails.
func (FrameKey) MarshalText() ([]byte, error) { return nil, errSecretText }

// String hides the key.
func (AccountSecret) String() string { return redacted }

// GoString hides the key.
func (AccountSecret) GoString() string { return redacted }

// Format hides the key, whatever the verb.
func (AccountSecret) Format(f fmt.State, _ rune) { redact(f) }

// LogValue hides the key.
func (AccountSecret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText always fails.
func (AccountSecret) MarshalText() ([]byte, error) { return nil, errSecretText }
