package crypto

import (
	"crypto/cipher"

	"golang.org/x/crypto/chacha20poly1305"
)

// nonceSize is the length of a nonce of ChaCha20-Poly1305 in bytes.
const nonceSize = chacha20poly1305.NonceSize

// newAEAD returns ChaCha20-Poly1305 (RFC 8439) under a key.
func newAEAD(key [KeySize]byte) cipher.AEAD {
	aead, err := chacha20poly1305.New(key[:])
	if err != nil {
		panic("crypto: unreachable, the key has the right length: " + err.Error())
	}
	return aead
}

// sealOnce seals under a key that seals nothing else, and so with nonce zero.
func sealOnce(dst []byte, key [KeySize]byte, plain, ad []byte) []byte {
	var nonce [nonceSize]byte
	return newAEAD(key).Seal(dst, nonce[:], plain, ad)
}

// openOnce opens what sealOnce sealed. On failure it returns nil and ErrOpen.
func openOnce(dst []byte, key [KeySize]byte, sealed, ad []byte) ([]byte, error) {
	var nonce [nonceSize]byte
	plain, err := newAEAD(key).Open(dst, nonce[:], sealed, ad)
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}
