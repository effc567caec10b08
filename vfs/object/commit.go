package object

import (
	"bytes"
	"fmt"

	"postern/crypto"
)

const (
	commitFields  = 8      // without the signature and the roster
	signatureSize = 2 + 64 // encoded
)

// Versions of the format, at the beginning of a pointer's value. Each space has its own, which never decreases.
const (
	// Version1 is the version of a space with one author and no mounts.
	Version1 = 1
	// Version2 is the version of a space once it has had a mount or a roster.
	Version2 = 2
)

// Sign signs the commit as it will be encoded. Root may have a zero blob name: then the root page is in the commit's
// own blob, and Front must be the hash of everything before the commit in that blob.
func (c *Commit) Sign(key crypto.AuthorKey) {
	c.Author = key.ID()
	c.Signature = key.SignCommit(c.signed(crypto.BlobName{}))
}

// Encode returns the plain encoding of a signed commit. References with the blob name self, or a zero one, are encoded
// as references into the commit's own blob.
func (c *Commit) Encode(self crypto.BlobName) []byte {
	return appendBytes(c.appendFields(appendArray(nil, c.fields()+1), self), c.Signature[:])
}

// signed returns the signed bytes: the encoding without the signature.
func (c *Commit) signed(self crypto.BlobName) []byte {
	return c.appendFields(appendArray(nil, c.fields()), self)
}

// fields returns the number of signed items.
func (c *Commit) fields() int {
	if c.Roster == (Ref{}) {
		return commitFields
	}
	return commitFields + 1
}

func (c *Commit) appendFields(b []byte, self crypto.BlobName) []byte {
	b = appendUint(b, nodeCommit)
	b = AppendEntry(b, &c.Root, self)
	if c.Parent == (Parent{}) {
		b = append(b, null)
	} else {
		b = appendArray(b, 2)
		b = appendRef(b, c.Parent.Commit, crypto.BlobName{})
		b = appendBytes(b, c.Parent.Hash[:])
	}
	b = appendInt(b, c.Time)
	b = appendBytes(b, c.Author[:])
	b = appendText(b, c.Device)
	b = appendArray(b, len(c.Applied))
	for i := range c.Applied {
		b = appendArray(b, 2)
		b = appendBytes(b, c.Applied[i].Device[:])
		b = appendUint(b, c.Applied[i].Seq)
	}
	if c.Roster != (Ref{}) {
		b = appendRef(b, c.Roster, self)
	}
	return appendBytes(b, c.Front[:])
}

// DecodeCommit decodes the commit at at and verifies its signature; the caller checks whether its author may write.
// Errors: crypto.ErrFormat, crypto.ErrSignature.
func DecodeCommit(b []byte, at Ref) (Commit, error) {
	c, err := parseCommit(b, at)
	if err != nil {
		return Commit{}, fmt.Errorf("commit: %w", err)
	}
	// The signature covers the stored bytes: the array without its last item, the signature.
	signed := appendArray(nil, c.fields())
	signed = append(signed, b[len(signed):len(b)-signatureSize]...)
	if err := c.Author.VerifyCommit(signed, c.Signature); err != nil {
		return Commit{}, fmt.Errorf("commit: %w", err)
	}
	return c, nil
}

func parseCommit(b []byte, at Ref) (Commit, error) {
	r := reader{b: b, at: at}
	var c Commit
	fields := r.array(commitFields+2, 1)
	if r.err == nil && fields <= commitFields {
		r.fail("a commit of %d items", fields)
	}
	if kind := r.uint(nodeRoster); r.err == nil && kind != nodeCommit {
		r.fail("not a commit")
	}
	r.entry(&c.Root, "")
	if r.err == nil && (c.Root.Kind != Folder || c.Root.Name != "") {
		r.fail("the root is not a folder without a name")
	}
	if !r.null() {
		r.tuple(2)
		r.at = Ref{} // a parent is in another blob
		c.Parent.Commit = r.ref()
		r.at = at
		r.fixed(c.Parent.Hash[:])
		if r.err == nil && (c.Parent.Commit.Blob.IsZero() || c.Parent.Commit.Blob == at.Blob) {
			r.fail("a parent in the same blob")
		}
	}
	c.Time = r.int()
	r.fixed(c.Author[:])
	c.Device = r.text(MaxDevice, "")
	if n := r.array(MaxApplied, 19); n > 0 {
		c.Applied = make([]Applied, n)
	}
	for i := range c.Applied {
		r.tuple(2)
		a := &c.Applied[i]
		r.fixed(a.Device[:])
		a.Seq = r.uint(1<<63 - 1)
		if i > 0 && bytes.Compare(c.Applied[i-1].Device[:], a.Device[:]) >= 0 {
			r.fail("devices out of order")
		}
	}
	if fields == commitFields+2 {
		c.Roster = r.ref()
	}
	r.fixed(c.Front[:])
	r.fixed(c.Signature[:])
	return c, r.done()
}

// HashCommit returns the hash by which a child names a commit; plain is the commit's encoding.
func HashCommit(plain []byte) CommitHash { return CommitHash(crypto.NameOf(plain)) }

// Latest returns the newest entry of the commit for a device, of any of its runs, or zero if there is none.
func (c *Commit) Latest(d DeviceID) Applied {
	for _, a := range c.Applied {
		if a.Device.Same(d) {
			return a
		}
	}
	return Applied{}
}

// AppliedTo returns the sequence number up to which the commit contains the journal of a device's run, or 0 if the
// commit has no entry for the run.
func (c *Commit) AppliedTo(d DeviceID) uint64 {
	for _, a := range c.Applied {
		if a.Device == d {
			return a.Seq
		}
	}
	return 0
}

// WithApplied returns a copy of list with the device's number set to seq, in order if list was. Entries of earlier runs
// of the device are left out, since the new entry covers them.
func WithApplied(list []Applied, d DeviceID, seq uint64) []Applied {
	out := make([]Applied, 0, len(list)+1)
	placed := false
	for _, a := range list {
		if bytes.Compare(a.Device[:], d[:]) >= 0 && !placed {
			out, placed = append(out, Applied{d, seq}), true
		}
		if !a.Device.Same(d) {
			out = append(out, a)
		}
	}
	if !placed {
		out = append(out, Applied{d, seq})
	}
	return out
}

// Head is the plain value of a space's pointer.
type Head struct {
	Version uint8 // Version1 or Version2
	Commit  Ref   // the newest commit
}

// Encode returns the plain value of the pointer.
func (h Head) Encode() []byte {
	b := appendArray(nil, 2)
	b = appendUint(b, uint64(h.Version))
	return appendRef(b, h.Commit, crypto.BlobName{})
}

// DecodeHead decodes the value that Head.Encode returned. Its error is crypto.ErrFormat, also for the value of a later
// version.
func DecodeHead(b []byte) (Head, error) {
	r := reader{b: b}
	r.tuple(2)
	v := r.uint(1<<63 - 1)
	if r.err == nil && v != Version1 && v != Version2 {
		r.fail("format version %d, this program knows %d; use a newer one", v, Version2)
	}
	ref := r.ref()
	if r.err == nil && ref.Blob.IsZero() {
		r.fail("a commit in no blob")
	}
	if err := r.done(); err != nil {
		return Head{}, fmt.Errorf("pointer value: %w", err)
	}
	return Head{Version: uint8(v), Commit: ref}, nil
}
