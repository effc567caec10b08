package crypto

import "testing"

func TestAuthorSignsCommits(t *testing.T) {
	k := NewAuthorKey(fresh[[32]byte](t, "author"))
	msg := []byte("the encoding of a commit")
	sig := k.SignCommit(msg)
	if err := k.ID().VerifyCommit(msg, sig); err != nil {
		t.Fatal(err)
	}
	if k.SignCommit(msg) != sig {
		t.Error("signed again it is another signature")
	}
	eachFlip(msg, func(_ int, damaged []byte) {
		wantKind(t, k.ID().VerifyCommit(damaged, sig), ErrSignature, "a flipped bit of the commit")
	})
	eachLength(msg, func(damaged []byte) {
		wantKind(t, k.ID().VerifyCommit(damaged, sig), ErrSignature, "another length")
	})
	eachFlip(sig[:], func(_ int, damaged []byte) {
		wantKind(t, k.ID().VerifyCommit(msg, Signature(damaged)), ErrSignature, "a flipped bit of the signature")
	})
	other := NewAuthorKey(fresh[[32]byte](t, "another"))
	wantKind(t, other.ID().VerifyCommit(msg, sig), ErrSignature, "another author")
	wantKind(t, AuthorID{}.VerifyCommit(msg, Signature{}), ErrSignature, "nobody")
}

// A signature of a commit must not verify as one of a pointer, nor the other way round.
func TestSignaturesKeepApart(t *testing.T) {
	seed := fresh[[32]byte](t, "one seed for both")
	p := NewWriterKey(seed).Sign(1, PointerValue{})
	author := NewAuthorKey(seed)
	if author.ID() != AuthorID(p.ID) {
		t.Fatal("the test needs one key pair")
	}
	whole := p.message()
	for name, msg := range map[string][]byte{
		"with label":    whole,
		"without label": whole[len(labelSignPointer)+1:],
	} {
		wantKind(t, author.ID().VerifyCommit(msg, p.Signature), ErrSignature, "a pointer's signature on a commit, "+name)
		forged := p
		forged.Signature = author.SignCommit(msg)
		wantKind(t, forged.Verify(), ErrSignature, "a commit's signature on a pointer, "+name)
	}
}
