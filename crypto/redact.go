package crypto

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// redacted replaces a secret when it is printed.
const redacted = "(secret)"

// errSecretText keeps keys out of JSON and other texts: an error is noticed, while a placeholder would be stored.
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

// String hides the key.
func (WriterKey) String() string { return redacted }

// GoString hides the key.
func (WriterKey) GoString() string { return redacted }

// Format hides the key, whatever the verb.
func (WriterKey) Format(f fmt.State, _ rune) { redact(f) }

// LogValue hides the key.
func (WriterKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText always fails.
func (WriterKey) MarshalText() ([]byte, error) { return nil, errSecretText }

// String hides the key.
func (AuthorKey) String() string { return redacted }

// GoString hides the key.
func (AuthorKey) GoString() string { return redacted }

// Format hides the key, whatever the verb.
func (AuthorKey) Format(f fmt.State, _ rune) { redact(f) }

// LogValue hides the key.
func (AuthorKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText always fails.
func (AuthorKey) MarshalText() ([]byte, error) { return nil, errSecretText }

// String hides the keys.
func (Login) String() string { return redacted }

// GoString hides the keys.
func (Login) GoString() string { return redacted }

// Format hides the keys, whatever the verb.
func (Login) Format(f fmt.State, _ rune) { redact(f) }

// LogValue hides the keys.
func (Login) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText always fails.
func (Login) MarshalText() ([]byte, error) { return nil, errSecretText }

// String hides the key.
func (SpaceSecret) String() string { return redacted }

// GoString hides the key.
func (SpaceSecret) GoString() string { return redacted }

// Format hides the key, whatever the verb.
func (SpaceSecret) Format(f fmt.State, _ rune) { redact(f) }

// LogValue hides the key.
func (SpaceSecret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText always fails.
func (SpaceSecret) MarshalText() ([]byte, error) { return nil, errSecretText }

// String hides the key.
func (WriterSeed) String() string { return redacted }

// GoString hides the key.
func (WriterSeed) GoString() string { return redacted }

// Format hides the key, whatever the verb.
func (WriterSeed) Format(f fmt.State, _ rune) { redact(f) }

// LogValue hides the key.
func (WriterSeed) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText always fails.
func (WriterSeed) MarshalText() ([]byte, error) { return nil, errSecretText }

// String hides the keys.
func (Capability) String() string { return redacted }

// GoString hides the keys.
func (Capability) GoString() string { return redacted }

// Format hides the keys, whatever the verb.
func (Capability) Format(f fmt.State, _ rune) { redact(f) }

// LogValue hides the keys.
func (Capability) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText always fails.
func (Capability) MarshalText() ([]byte, error) { return nil, errSecretText }

// String hides the key.
func (MeetKey) String() string { return redacted }

// GoString hides the key.
func (MeetKey) GoString() string { return redacted }

// Format hides the key, whatever the verb.
func (MeetKey) Format(f fmt.State, _ rune) { redact(f) }

// LogValue hides the key.
func (MeetKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText always fails.
func (MeetKey) MarshalText() ([]byte, error) { return nil, errSecretText }

// String hides the key.
func (LinkSeed) String() string { return redacted }

// GoString hides the key.
func (LinkSeed) GoString() string { return redacted }

// Format hides the key, whatever the verb.
func (LinkSeed) Format(f fmt.State, _ rune) { redact(f) }

// LogValue hides the key.
func (LinkSeed) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText always fails.
func (LinkSeed) MarshalText() ([]byte, error) { return nil, errSecretText }

// String hides the secret.
func (LinkSecret) String() string { return redacted }

// GoString hides the secret.
func (LinkSecret) GoString() string { return redacted }

// Format hides the secret, whatever the verb.
func (LinkSecret) Format(f fmt.State, _ rune) { redact(f) }

// LogValue hides the secret.
func (LinkSecret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText always fails.
func (LinkSecret) MarshalText() ([]byte, error) { return nil, errSecretText }

// String hides the secret.
func (Link) String() string { return redacted }

// GoString hides the secret.
func (Link) GoString() string { return redacted }

// Format hides the secret, whatever the verb.
func (Link) Format(f fmt.State, _ rune) { redact(f) }

// LogValue hides the secret.
func (Link) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText always fails.
func (Link) MarshalText() ([]byte, error) { return nil, errSecretText }

// String hides the key.
func (HolderSeed) String() string { return redacted }

// GoString hides the key.
func (HolderSeed) GoString() string { return redacted }

// Format hides the key, whatever the verb.
func (HolderSeed) Format(f fmt.State, _ rune) { redact(f) }

// LogValue hides the key.
func (HolderSeed) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText always fails.
func (HolderSeed) MarshalText() ([]byte, error) { return nil, errSecretText }
