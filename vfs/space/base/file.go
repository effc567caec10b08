package base

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"postern/crypto"
	"postern/remote/localfs"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/tree"
)

const (
	// savedPrivate is the label of files with a private state.
	savedPrivate = "postern base 3"
	savedLabel   = "postern base 2"
	// savedFirst is the label of files from earlier versions, which lack the last field.
	savedFirst = "postern base 1"
	saltSize   = 32
)

// File stores the newest commit that this gateway knows, beside the journal. The journal's records apply to that
// commit. So a start needs no remote, and commits of other devices can be told apart from changes made here. It is
// written before the journal drops what the commit holds.
type File struct {
	Path   string
	FS     localfs.FS
	Frames func(salt [32]byte) crypto.FrameKey // keys of local files
	Rand   io.Reader
}

// saved is the content of the file, sealed like one of the journal's frames.
type saved struct {
	_       struct{} `cbor:",toarray"`
	Pointer []byte
	Head    []byte // leads to the commit
	Commit  []byte
	Files   object.Entry // the entry of the folder of files, so that starting needs no page
	Shown   int64        // when the remote showed it as the newest, by the local clock, in nanoseconds since 1970
}

// saved1 is the first version of saved.
type saved1 struct {
	_       struct{} `cbor:",toarray"`
	Pointer []byte
	Head    []byte
	Commit  []byte
	Files   object.Entry
}

// Save durably replaces the file with one that holds s.
func (f File) Save(s State) error {
	if err := f.write(s); err != nil {
		return fmt.Errorf("note the newest commit in %s: %w", f.Path, err)
	}
	return nil
}

func (f File) write(s State) error {
	files, _ := s.Files.Root().Object()
	files.Name = path.Base(FilesPath) // an entry must have a name
	label, plain, err := s.encode(saved{
		Pointer: s.Pointer.Marshal(), Head: s.Head().Encode(), Commit: s.Commit.Encode(s.Ref.Blob), Files: files,
		Shown: object.Nanos(s.Shown),
	})
	if err != nil {
		return err
	}
	var salt [saltSize]byte
	if _, err := io.ReadFull(f.Rand, salt[:]); err != nil {
		return err
	}
	var sealed []byte
	if s.private == nil || s.Version < object.Version2 || label != savedLabel { // a space with a roster has none
		sealed = crypto.SealFrame(salt[:], f.Frames(salt), 0, []byte(label), plain)
	} else if sealed, err = f.sealPrivate(salt, plain, *s.private); err != nil {
		return err
	}
	return localfs.Replace(f.FS, f.Path, sealed)
}

// Load reads the file. The returned trees read from nodes. The error is fs.ErrNotExist when there is no file.
func (f File) Load(nodes *tree.Nodes) (State, error) {
	sealed, err := localfs.Read(f.FS, f.Path)
	if err != nil {
		return State{}, err
	}
	s, err := f.open(sealed, nodes)
	if err != nil {
		return State{}, fmt.Errorf("%s is damaged (%w): move it aside and start with the remote in reach", f.Path, err)
	}
	return s, nil
}

// Remove removes the file once this gateway stops writing to the space. A missing file is no error.
func (f File) Remove() error {
	if err := f.FS.Remove(f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (f File) open(sealed []byte, nodes *tree.Nodes) (State, error) {
	if len(sealed) < saltSize {
		return State{}, crypto.ErrFormat
	}
	was, private, known, err := f.decode(sealed)
	if err != nil {
		return State{}, err
	}
	p, err := crypto.ParsePointer(was.Pointer)
	if err != nil {
		return State{}, err
	}
	head, err := object.DecodeHead(was.Head)
	if err != nil {
		return State{}, err
	}
	commit, err := object.DecodeCommit(was.Commit, head.Commit)
	if err != nil {
		return State{}, err
	}
	if private == nil && head.Version < object.Version2 {
		private = &registry.State{}
	}
	return State{
		Pointer: p, Version: head.Version, Ref: head.Commit, Hash: object.HashCommit(was.Commit), Commit: commit,
		Whole: Tree(nodes, commit.Root, head.Version), Files: Tree(nodes, was.Files, head.Version),
		Shown: object.Time(was.Shown), private: private, Authors: known,
	}, nil
}

// decode opens a file of any version. For the first, Shown is the time of the commit by the clock of the device that
// made it. private is nil for a file without a private state.
func (f File) decode(sealed []byte) (s saved, private *registry.State, known Authors, err error) {
	s, private, err = f.openPrivate(sealed)
	if errors.Is(err, errNoPrivate) {
		s, known, err = f.decodePlain(sealed)
	}
	return s, private, known, err
}

func (f File) decodePlain(sealed []byte) (s saved, known Authors, err error) {
	open := func(label string) ([]byte, error) {
		return crypto.OpenFrame(f.Frames([saltSize]byte(sealed)), 0, []byte(label), sealed[saltSize:])
	}
	plain, err := open(savedLabel)
	if err == nil {
		err = crypto.Decode(plain, &s)
		return s, known, err
	}
	if plain, err = open(savedAuthors); err == nil {
		return decodeAuthors(plain)
	}
	if plain, err = open(savedFirst); err != nil {
		return s, known, err
	}
	var first saved1
	if err := crypto.Decode(plain, &first); err != nil {
		return s, known, err
	}
	s = saved{Pointer: first.Pointer, Head: first.Head, Commit: first.Commit, Files: first.Files}
	head, err := object.DecodeHead(first.Head)
	if err != nil {
		return s, known, err
	}
	commit, err := object.DecodeCommit(first.Commit, head.Commit)
	s.Shown = commit.Time
	return s, known, err
}
