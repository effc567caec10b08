// Package crypto is every byte of Postern that a remote may see: how nodes, chunks and packs are sealed, named and padded,
// how pointers are signed, and how an account is derived, found and recovered.
//
// It does no I/O and knows no context, no clock and no randomness of its own: randomness comes in as an io.Reader, and what
// takes none is a pure function. There is one cipher for each purpose and nothing to negotiate: ChaCha20-Poly1305 (RFC 8439)
// seals, Ed25519 (RFC 8032) signs, BLAKE3 names, HKDF-SHA256 (RFC 5869) derives, Argon2id (RFC 9106) slows guessing down.
// FORMAT.md beside this file is normative and byte-exact, THREATS.md says what it is good for and what leaks all the same;
// testdata/vectors holds what another implementation can be tested with.
//
// Nonces never need to be random: a key either seals one message only (NodeKey, MetaKey, the key of a pointer's value) or
// counts what it seals (BytesKey by segment, FrameKey by frame). Whoever calls must therefore take a fresh random key for
// everything written anew; Random makes one.
//
// Every function that seals appends to dst and returns the longer slice, as append does; dst and what is sealed may not
// overlap, but where the sealed bytes replace it exactly (plain[:0]), as for a cipher.AEAD.
package crypto
