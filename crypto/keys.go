package crypto

// KeySize is the length of every key and of every secret in bytes.
const KeySize = 32

// TagSize is how many bytes sealing adds: the tag of Poly1305.
const TagSize = 16

// The keys. Each purpose has its own type, so that the compiler notices a mix-up. They are comparable, their zero value
// is no key, and none of them appears when printed, logged or written as JSON; CBOR holds them as byte strings. (fmt
// calls no methods on unexported fields: a struct that keeps a key in one needs a Format of its own, or must not be
// printed.)
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

	// AccountSecret is the secret from which a whole account is derived.
	AccountSecret [KeySize]byte

	// SpaceSecret is the secret from which the keys of a space other than an account's own are derived. Only the space's
	// owner keeps it.
	SpaceSecret [KeySize]byte

	// WriterSeed is the seed of a WriterKey; a capability to write carries it.
	WriterSeed [KeySize]byte
)
