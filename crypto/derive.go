package crypto

import (
	"crypto/hkdf"
	"crypto/sha256"
)

// derive returns the key for a label and a salt from a secret: HKDF-SHA256 (RFC 5869), info = label. A nil salt is
// right for a secret that is uniformly random.
func derive(secret [KeySize]byte, salt []byte, label string) [KeySize]byte {
	key, err := hkdf.Key(sha256.New, secret[:], salt, label, KeySize)
	if err != nil {
		panic("crypto: unreachable, 32 bytes are few enough: " + err.Error())
	}
	return [KeySize]byte(key)
}
