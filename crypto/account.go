package crypto

// Own returns the capability to write the account's own space. The caller fills in its Store.
func (s AccountSecret) Own() Capability {
	seed := WriterSeed(derive(s, nil, labelAccountWriter))
	return Capability{ID: seed.Key().ID(), Read: s.Reader(), Owner: s.Author().ID(), Writer: seed}
}

// Writer returns the key that moves the pointer of the account's own space.
func (s AccountSecret) Writer() WriterKey { return NewWriterKey(derive(s, nil, labelAccountWriter)) }

// Reader returns the key that opens the pointer of the account's own space.
func (s AccountSecret) Reader() ReadKey { return derive(s, nil, labelAccountReader) }

// Author returns the key that signs the account's commits.
func (s AccountSecret) Author() AuthorKey { return NewAuthorKey(derive(s, nil, labelAccountAuthor)) }

// Frames returns the key of one local file of frames, whose random salt stands in front of it.
func (s AccountSecret) Frames(salt [32]byte) FrameKey { return derive(s, salt[:], labelAccountFrames) }
