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

// Versions of the format, which stand in front of what a pointer holds. Each space has its own, which never falls.
const (
	// Version1 is the version of a space that has one author and holds no mounts.
	Version1 = 1
	// Version2 is the version of a space since it first held a mount or a roster.
	Version2 = 2
)

// Sign signs the commit as it will be encoded. Root may have a zero blob name: then the root page lies in the commit's
// own blob, and Front must be the hash of all that lies in front of the commit there.
func (c *Commit) Sign(key crypto.AuthorKey) {
	c.Author = key.ID()
	c.Signature = key.SignCommit(c.signed(crypto.BlobName{}))
}

// Encode is the plain encoding of a signed commit. References with the blob name self, or a zero one, lead into the
// blob that the commit lies in.
func (c *Commit) Encode(self crypto.BlobName) []byte {
	return appendBytes(c.appendFields(appendArray(nil, c.fields()+1), self), c.Signature[:])
}

// signed is what the signature signs: the encoding without it.
func (c *Commit) signed(self crypto.BlobName) []byte {
	return c.appendFields(appendArray(nil, c.fields()), self)
}

// fields is the number of items that are signed.
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

// DecodeCommit reads the commit that lies at at and verifies its signature; whether its author may write is for the
// caller to judge. Errors: crypto.ErrFormat, crypto.ErrSignature.
func DecodeCommit(b []byte, at Ref) (Commit, error) {
	c, err := parseCommit(b, at)
	if err != nil {
		return Commit{}, fmt.Errorf("commit: %w", err)
	}
	// What is signed is the bytes as they lie there: the array without its last item, the signature.
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
		r.at = Ref{} // a parent lies in another blob
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

// HashCommit is the hash by which a commit's child names it; plain is the commit's encoding.
func HashCommit(plain []byte) CommitHash { return CommitHash(crypto.NameOf(plain)) }

// Latest returns what the commit contains of the journal of a device, in whichever run; zero when it contains nothing
// of it.
func (c *Commit) Latest(d DeviceID) Applied {
	for _, a := range c.Applied {
		if a.Device.Same(d) {
			return a
		}
	}
	return Applied{}
}

// AppliedTo returns up to which sequence number the commit contains what the device journaled in a run; 0 when it does
// not tell.
func (c *Commit) AppliedTo(d DeviceID) uint64 {
	for _, a := range c.Applied {
		if a.Device == d {
			return a.Seq
		}
	}
	return 0
}

// WithApplied is list with the device's number set to seq, in a new slice that is in order if list was. What the device
// journaled in its earlier runs is contained in that, so they are named no more.
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

// Head is what a space's pointer holds.
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

// DecodeHead reads what Head.Encode wrote. The error is crypto.ErrFormat, also for the value of a later version.
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
