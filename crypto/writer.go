package crypto

// WriterKey signs the states of one pointer, and so may change one space. The zero value is no key.
type WriterKey struct{ key signer }

// NewWriterKey returns the writer key of a seed, which is secret.
func NewWriterKey(seed [KeySize]byte) WriterKey { return WriterKey{newSigner(seed)} }

// ID returns the pointer that k writes.
func (k WriterKey) ID() PointerID { return k.key.public() }

// Sign returns the next state of k's pointer.
func (k WriterKey) Sign(seq uint64, v PointerValue) Pointer {
	id := k.ID()
	return Pointer{ID: id, Seq: seq, Value: v, Signature: k.key.sign(pointerMessage(id, seq, v))}
}
