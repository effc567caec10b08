// Package crypto defines every byte of Postern that a remote may see: it seals, names and pads nodes, chunks and packs,
// signs pointers, and derives, finds and recovers accounts.
//
// It does no I/O and uses no context, no clock and no randomness of its own: randomness comes from an io.Reader, and
// functions without one are pure. There is one cipher for each purpose and nothing to negotiate: ChaCha20-Poly1305 (RFC
// 8439) seals, Ed25519 (RFC 8032) signs, BLAKE3 names, HKDF-SHA256 (RFC 5869) derives, Argon2id (RFC 9106) slows
// guessing down. FORMAT.md beside this file is normative and byte-exact, THREATS.md states what it protects and what
// still leaks; testdata/vectors holds test vectors for other implementations.
//
// Nonces never need to be random: a key either seals one message only (NodeKey, MetaKey, the key of a pointer's value)
// or counts what it seals (BytesKey by segment, FrameKey by frame). Callers must therefore use a fresh random key for
// each new message; Random returns one.
//
// Every function that seals appends to dst and returns the longer slice, as append does; dst and the plain bytes must
// not overlap, except that the sealed bytes may replace them exactly (plain[:0]), as for a cipher.AEAD.
package crypto
