package object

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"postern/crypto"
	"postern/vfs"
)

const (
	fileFields   = 11
	folderFields = 9
	mountFields  = 9
	minEntry     = 27 // bytes of the shortest entry, an empty folder
	maxName      = vfs.MaxName
)

// AppendEntry appends the encoding of an entry. References with the blob name self, or a zero one, are encoded as
// references into the entry's own blob.
func AppendEntry(b []byte, e *Entry, self crypto.BlobName) []byte {
	b = appendArray(b, e.Kind.fields())
	b = appendUint(b, uint64(e.Kind))
	b = appendText(b, e.Name)
	b = appendBytes(b, e.Version[:])
	b = appendInt(b, e.Modified)
	b = appendInt(b, e.Created)
	if e.Kind == Mount {
		return appendTarget(appendProperties(b, e.Properties), e.Target)
	}
	b = appendUint(b, uint64(e.Size))
	if e.Kind == Folder {
		b = appendUint(b, uint64(e.Count))
		b = appendProperties(b, e.Properties)
		if e.Root == (Ref{}) {
			return append(b, null)
		}
		return appendRef(b, e.Root, self)
	}
	b = appendText(b, e.ContentType)
	b = appendBytes(b, e.MD5[:])
	b = appendBytes(b, e.SHA1[:])
	b = appendProperties(b, e.Properties)
	return appendContent(b, &e.Content, self)
}

// fields returns the number of items in the encoding of an entry of this kind; 0 for an unknown kind.
func (k Kind) fields() int {
	switch k {
	case File:
		return fileFields
	case Folder:
		return folderFields
	case Mount:
		return mountFields
	}
	return 0
}

func appendProperties(b []byte, props []vfs.Property) []byte {
	b = appendArray(b, len(props))
	for i := range props {
		p := &props[i]
		b = appendArray(b, 4)
		b = appendText(b, p.Name.Space)
		b = appendText(b, p.Name.Local)
		b = appendText(b, p.Lang)
		b = appendText(b, p.Value)
	}
	return b
}

// entry reads one entry into e. likeType is a probable content type, which is shared instead of copied.
func (r *reader) entry(e *Entry, likeType string) {
	fields := r.array(fileFields, 1)
	e.Kind = Kind(r.uint(uint64(Mount)))
	if r.err == nil && (e.Kind == 0 || fields != e.Kind.fields()) {
		r.fail("no entry of kind %d has %d fields", e.Kind, fields)
	}
	e.Name = r.text(maxName, "")
	r.fixed(e.Version[:])
	e.Modified = r.int()
	e.Created = r.int()
	if e.Kind == Mount {
		e.Properties = r.properties()
		e.Target = r.target()
		return
	}
	e.Size = r.size()
	if e.Kind == Folder {
		e.Count = r.size()
		e.Properties = r.properties()
		if !r.null() {
			e.Root = r.ref()
		}
		if r.err == nil && (e.Root == Ref{}) != (e.Count == 0) || e.Count == 0 && e.Size != 0 {
			r.fail("a folder of %d things and %d bytes that can't be", e.Count, e.Size)
		}
		return
	}
	e.ContentType = r.text(MaxContentType, likeType)
	r.fixed(e.MD5[:])
	r.fixed(e.SHA1[:])
	e.Properties = r.properties()
	r.content(&e.Content, InlineItems)
	if r.err == nil {
		r.err = e.Content.Check(e.Size)
	}
}

func (r *reader) properties() []vfs.Property {
	n := r.array(MaxProperties, 5)
	if n == 0 {
		return nil
	}
	props, sum := make([]vfs.Property, n), 0
	for i := range props {
		r.tuple(4)
		p := &props[i]
		p.Name.Space = r.text(MaxProperties, "")
		p.Name.Local = r.text(MaxProperties, "")
		p.Lang = r.text(MaxProperties, "")
		p.Value = r.text(MaxProperties, "")
		sum += PropertySize(*p)
		switch {
		case r.err != nil:
			return nil
		case p.Name.Local == "":
			r.fail("a property without a name")
		case i > 0 && CompareProperties(props[i-1].Name, p.Name) >= 0:
			r.fail("properties out of order")
		case sum > MaxProperties:
			r.fail("properties of more than %d bytes", MaxProperties)
		}
	}
	return props
}

// CompareProperties compares the names of properties: by namespace, then by local name, byte by byte.
func CompareProperties(a, b vfs.PropertyName) int {
	if c := strings.Compare(a.Space, b.Space); c != 0 {
		return c
	}
	return strings.Compare(a.Local, b.Local)
}

// PropertySize returns the size of a property as counted against MaxProperties.
func PropertySize(p vfs.Property) int {
	return len(p.Name.Space) + len(p.Name.Local) + len(p.Lang) + len(p.Value)
}

// Check returns an error unless the entry can be encoded: it has a valid name (vfs.ErrName) or is a folder without one,
// the root of a space; its properties and content type are within bounds (vfs.ErrTooLarge); everything else follows
// FORMAT.md (vfs.ErrInvalid).
func (e *Entry) Check() error {
	if !ValidName(e.Name) && (e.Name != "" || e.Kind != Folder) {
		return vfs.ErrName
	}
	sum := 0
	for i := range e.Properties {
		p := &e.Properties[i]
		sum += PropertySize(*p)
		switch {
		case p.Name.Local == "", i > 0 && CompareProperties(e.Properties[i-1].Name, p.Name) >= 0:
			return fmt.Errorf("%w: properties without a name or out of order", vfs.ErrInvalid)
		case !utf8.ValidString(p.Name.Space), !utf8.ValidString(p.Name.Local), !utf8.ValidString(p.Lang),
			!utf8.ValidString(p.Value):
			return fmt.Errorf("%w: a property that is not UTF-8", vfs.ErrInvalid)
		}
	}
	switch {
	case sum > MaxProperties:
		return fmt.Errorf("%w: properties of %d bytes, of at most %d", vfs.ErrTooLarge, sum, MaxProperties)
	case len(e.ContentType) > MaxContentType:
		return fmt.Errorf("%w: a content type of %d bytes, of at most %d", vfs.ErrTooLarge, len(e.ContentType),
			MaxContentType)
	case !utf8.ValidString(e.ContentType):
		return fmt.Errorf("%w: a content type that is not UTF-8", vfs.ErrInvalid)
	}
	switch e.Kind {
	case File:
		if e.Size > MaxFileSize {
			return fmt.Errorf("%w: a file of %d bytes", vfs.ErrTooLarge, e.Size)
		}
		if e.Count != 0 || e.Root != (Ref{}) || e.Target != nil {
			return fmt.Errorf("%w: a file with fields of folders or mounts", vfs.ErrInvalid)
		}
		if err := e.Content.Check(e.Size); err != nil {
			return fmt.Errorf("%w: %w", vfs.ErrInvalid, err)
		}
		return nil
	case Folder:
		if e.hasContents() || e.Size < 0 || e.Count < 0 || e.Target != nil {
			return fmt.Errorf("%w: a folder with fields of files or mounts", vfs.ErrInvalid)
		}
		return nil
	case Mount:
		if e.hasContents() || e.Size != 0 || e.Count != 0 || e.Root != (Ref{}) ||
			e.Target == nil || e.Target.Capability.CanWrite() {
			return fmt.Errorf("%w: a mount with fields of files or folders, or without a readable space", vfs.ErrInvalid)
		}
		return nil
	default:
		return fmt.Errorf("%w: an entry of kind %d", vfs.ErrInvalid, e.Kind)
	}
}

// hasContents reports whether the entry has any field that only files have.
func (e *Entry) hasContents() bool {
	return e.ContentType != "" || e.MD5 != [16]byte{} || e.SHA1 != [20]byte{} ||
		len(e.Content.Chunks)+len(e.Content.Nodes) != 0 || e.Content.Level != 0
}

// IsFolder reports whether users see the entry as a folder: a folder, or a mount of a space's folder.
func (e *Entry) IsFolder() bool { return e.Kind == Folder || e.Kind == Mount && !e.Target.File }

// MarshalCBOR encodes an entry for a journal's record, in which a zero blob name refers to bytes in the journal.
func (e Entry) MarshalCBOR() ([]byte, error) {
	if err := e.Check(); err != nil {
		return nil, err
	}
	return AppendEntry(nil, &e, crypto.BlobName{}), nil
}

// UnmarshalCBOR decodes the bytes of MarshalCBOR. The error is crypto.ErrFormat.
func (e *Entry) UnmarshalCBOR(b []byte) error {
	r := reader{b: b}
	*e = Entry{}
	r.entry(e, "")
	if r.err == nil && !ValidName(e.Name) {
		r.fail("not a valid name")
	}
	return r.done()
}

// Info returns the metadata of an entry.
func (e *Entry) Info() vfs.Info {
	return vfs.Info{
		Name:        e.Name,
		Folder:      e.IsFolder(),
		Mounted:     e.Kind == Mount,
		Size:        e.Size,
		Modified:    Time(e.Modified),
		Created:     Time(e.Created),
		ContentType: e.ContentType,
		Version:     e.Version,
		MD5:         e.MD5,
		SHA1:        e.SHA1,
		Properties:  e.Properties,
	}
}
