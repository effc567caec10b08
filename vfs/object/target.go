package object

import "postern/crypto"

func appendTarget(b []byte, t *Target) []byte {
	b = appendBytes(b, t.Capability.Marshal())
	if t.Seed == ([crypto.SealedSeedSize]byte{}) {
		b = append(b, null)
	} else {
		b = appendBytes(b, t.Seed[:])
	}
	return appendBool(b, t.File)
}

// target reads the target of a mount. Its capability only reads; the writer seed is sealed.
func (r *reader) target() *Target {
	t := &Target{}
	sealed := r.raw(majorBytes, crypto.ReadCapabilitySize)
	if r.err == nil {
		t.Capability, r.err = crypto.ParseCapability(sealed)
	}
	if !r.null() {
		r.fixed(t.Seed[:])
		if r.err == nil && t.Seed == ([crypto.SealedSeedSize]byte{}) {
			r.fail("a writer seed of zeros")
		}
	}
	t.File = r.bool()
	return t
}
