package registry

import (
	"context"
	"crypto/md5"  // of no bytes: the format has it
	"crypto/sha1" // of no bytes: the format has it
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// Path is the folder of the private state in the tree of a commit, beside the files and the history.
const Path = "/private"

// maxStored is the maximum size of a stored record in bytes.
const maxStored = object.MaxProperties

// FromTree returns the private state that the whole tree of a commit holds; empty if there is none. Errors name the
// folder: vfs.ErrUnavailable; vfs.ErrCorrupt for a folder that is not exactly as Tree makes it.
func FromTree(ctx context.Context, whole tree.Tree) (State, error) {
	folder, err := whole.Lookup(ctx, Path)
	if errors.Is(err, vfs.ErrNotExist) {
		return State{}, nil
	}
	if err != nil {
		return State{}, failed(err)
	}
	if err := checkFolder(folder); err != nil {
		return State{}, corrupt(err)
	}
	var records []*record
	for e, err := range whole.List(ctx, Path) {
		if err != nil {
			return State{}, failed(err)
		}
		o, _ := e.Object()
		r, err := decodeEntry(&o)
		if err != nil {
			return State{}, corrupt(err)
		}
		records = append(records, r)
	}
	slices.SortFunc(records, compare) // their names sort otherwise
	var s State
	for _, r := range records {
		if err := s.add(r); err != nil {
			return State{}, corrupt(err)
		}
	}
	return s, nil
}

func corrupt(err error) error {
	return &vfs.Error{Op: "read the private state in", Path: Path, Kind: vfs.ErrCorrupt, Err: err}
}

func failed(err error) error {
	if errors.Is(err, vfs.ErrNotFolder) {
		return corrupt(err)
	}
	return fmt.Errorf("read the private state: %w", err) // it names the folder
}

// Folder returns the entry of the folder without records.
func Folder() object.Entry { return object.Entry{Kind: object.Folder} }

func checkFolder(e tree.Entry) error {
	o, _ := e.Object()
	is := Folder()
	is.Name, is.Root, is.Size, is.Count = Path[1:], o.Root, 0, o.Count
	switch {
	case o.Count == 0 || o.Count > slack*MaxRecords:
		return fmt.Errorf("%d records, of 1 to %d", o.Count, slack*MaxRecords)
	case !reflect.DeepEqual(o, is):
		return errors.New("it is no plain folder of empty files")
	}
	return nil
}

// Tree returns the folder of the private state. on is the folder of an earlier state was, or an empty one; the state
// must have all that was has. Only records that changed are written anew.
func (s State) Tree(ctx context.Context, on tree.Tree, was State) (tree.Tree, error) {
	if len(s.records) > slack*MaxRecords {
		return on, fmt.Errorf("the private state has %d records, of at most %d", len(s.records), slack*MaxRecords)
	}
	batch := tree.NewBatch(on)
	i := 0
	for _, r := range s.records {
		for i < len(was.records) && compare(was.records[i], r) < 0 {
			i++
		}
		there := i < len(was.records) && compare(was.records[i], r) == 0
		if there && (was.records[i] == r || slices.EqualFunc(was.records[i].fields, r.fields, equalFields)) {
			continue
		}
		if err := r.check(slack*MaxFields, maxStored); err != nil {
			return on, fmt.Errorf("a record of kind %q in the private state: %w", r.kind, err)
		}
		o := r.entry()
		var op tree.Op = tree.Put{Path: "/" + o.Name, Entry: o}
		if there {
			op = tree.Graft{Path: "/" + o.Name, Entry: o, Replace: true}
		}
		if err := batch.Apply(ctx, op); err != nil {
			return on, fmt.Errorf("write the private state: %w", err)
		}
	}
	return batch.Tree(), nil
}

// encoding is that of ids and values. Strict: a value has one encoding.
var encoding = base64.RawURLEncoding.Strict()

func (r *record) file() string { return string(r.kind) + "-" + encoding.EncodeToString([]byte(r.id)) }

// entry returns the file of a record.
func (r *record) entry() object.Entry {
	o := object.Entry{Name: r.file(), Kind: object.File, MD5: md5.Sum(nil), SHA1: sha1.Sum(nil)}
	for _, f := range r.fields {
		o.Properties = append(o.Properties, f.property())
	}
	return o
}

func (f field) property() vfs.Property {
	return vfs.Property{
		Name:  vfs.PropertyName{Local: f.name},
		Value: strconv.FormatUint(f.count, 10) + " " + encoding.EncodeToString(f.value),
	}
}

// size returns how many bytes the properties of the record's file have.
func (r *record) size() (n int) {
	for _, f := range r.fields {
		n += len(f.name) + len(strconv.FormatUint(f.count, 10)) + 1 + encoding.EncodedLen(len(f.value))
	}
	return n
}

// decodeEntry is the inverse of entry.
func decodeEntry(o *object.Entry) (*record, error) {
	kind, rest, _ := strings.Cut(o.Name, "-")
	id, err := encoding.DecodeString(rest)
	if err != nil {
		return nil, errors.New("a file whose name is not that of a record")
	}
	r := &record{kind: Kind(kind), id: string(id)}
	if err := checkID(r.kind, r.id); err != nil {
		return nil, err
	}
	for _, p := range o.Properties {
		f, err := fieldOf(p)
		if err != nil {
			return nil, fmt.Errorf("a record of kind %q: field %q: %w", kind, p.Name.Local, err)
		}
		r.fields = append(r.fields, f)
	}
	if is := r.entry(); !reflect.DeepEqual(*o, is) {
		return nil, fmt.Errorf("a record of kind %q that is no plain empty file", kind)
	}
	return r, nil
}

func fieldOf(p vfs.Property) (field, error) {
	count, value, _ := strings.Cut(p.Value, " ")
	n, err := strconv.ParseUint(count, 10, 64)
	if err != nil {
		return field{}, errors.New("no counter")
	}
	b, err := encoding.DecodeString(value)
	if err != nil {
		return field{}, errors.New("no value in base64")
	}
	return field{p.Name.Local, n, b}, nil
}

// only reports whether a string has only characters out of some.
func only(s, of string) bool { return strings.Trim(s, of) == "" }
