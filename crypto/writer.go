package crypto

// WriterKey signs the states of one pointer, and so may change one space. The zero value is no key.
type WriterKey struct{ key signer }

// NewWriterKey returns the writer key of a seed, which is secret.
func NewWriterKey(seed [KeySize]byte) WriterKey { return WriterKey{newSigner(seed)} }

// ID returns the pointer that k writes.
func (k WriterKey) ID() PointerID { return k.key.public() }

// Sign returns the next state of k's pointer, which is unlisted.
func (k WriterKey) Sign(seq uint64, v PointerValue) Pointer {
	return k.sign(Pointer{ID: k.ID(), Seq: seq, Value: v})
}

// SignListed returns the next state of k's pointer, which is listed.
func (k WriterKey) SignListed(seq uint64, v PointerValue) Pointer {
	return k.sign(Pointer{ID: k.ID(), Seq: seq, Value: v, Listed: true})
}

func (k WriterKey) sign(p Pointer) Pointer {
	p.Signature = k.key.sign(p.message())
	return p
}
