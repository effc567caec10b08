package crypto

import "crypto/ed25519"

// signer is an Ed25519 key pair (RFC 8032): seed, then public key, as ed25519.PrivateKey has it. It is an array, so
// that keys of this type are comparable and can't be changed from outside.
type signer [ed25519.PrivateKeySize]byte

func newSigner(seed [KeySize]byte) signer { return signer(ed25519.NewKeyFromSeed(seed[:])) }

func (s signer) public() [ed25519.PublicKeySize]byte {
	return [ed25519.PublicKeySize]byte(s[ed25519.SeedSize:])
}

func (s signer) sign(msg []byte) Signature {
	return Signature(ed25519.Sign(s[:], msg))
}

func verify(public [ed25519.PublicKeySize]byte, msg []byte, sig Signature) bool {
	return ed25519.Verify(public[:], msg, sig[:])
}

// signedMessage returns the beginning of a signed message, with room for n more bytes: the label and a zero byte, which
// no label contains.
func signedMessage(label string, n int) []byte {
	msg := make([]byte, 0, len(label)+1+n)
	return append(append(msg, label...), 0)
}
