package space

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"time"

	"postern/crypto"
	"postern/remote/localfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// The newest commit that this gateway knows is kept beside the journal, whose records are made to it: so a start needs
// no remote, and what other devices have committed since can be told from what was done here. It is written before the
// journal forgets what the commit holds.
const (
	savedName  = "base"
	savedLabel = "postern base 2"
	// savedFirst is the label of the files of earlier versions, which lack the last field.
	savedFirst = "postern base 1"
	saltSize   = 32
)

// savedBase is what the file holds, sealed as the journal's frames are.
type savedBase struct {
	_       struct{} `cbor:",toarray"`
	Pointer []byte
	Head    []byte // leads to the commit
	Commit  []byte
	Files   object.Entry // the entry of the folder of files, so that no page is needed to begin with
	Shown   int64        // when the remote showed it as the newest, by the clock here, in nanoseconds since 1970
}

// savedBase1 is what it held at first.
type savedBase1 struct {
	_       struct{} `cbor:",toarray"`
	Pointer []byte
	Head    []byte
	Commit  []byte
	Files   object.Entry
}

// save replaces the file by one of this base, durably.
func (s *Space) save(b base) error {
	if err := s.writeBase(b); err != nil {
		return fmt.Errorf("note the newest commit in %s: %w", s.dir, err)
	}
	return nil
}

func (s *Space) writeBase(b base) error {
	files, _ := b.files.Root().Object()
	files.Name = path.Base(filesPath) // an entry must have one
	plain, err := crypto.Encode(savedBase{
		Pointer: b.pointer.Marshal(), Head: b.head().Encode(), Commit: b.commit.Encode(b.ref.Blob), Files: files,
		Shown: object.Nanos(b.shown),
	})
	if err != nil {
		return err
	}
	var salt [saltSize]byte
	if _, err := io.ReadFull(s.rand, salt[:]); err != nil {
		return err
	}
	sealed := crypto.SealFrame(salt[:], s.keys.Frames(salt), 0, []byte(savedLabel), plain)
	return localfs.Replace(s.fs, filepath.Join(s.dir, savedName), sealed)
}

// saved reads the file. The error is fs.ErrNotExist when there is none.
func (s *Space) saved() (base, error) {
	at := filepath.Join(s.dir, savedName)
	sealed, err := localfs.Read(s.fs, at)
	if err != nil {
		return base{}, err
	}
	b, err := s.openSaved(sealed)
	if err != nil {
		return base{}, fmt.Errorf("%s is damaged (%w): move it aside and start with the remote in reach", at, err)
	}
	return b, nil
}

func (s *Space) openSaved(sealed []byte) (base, error) {
	if len(sealed) < saltSize {
		return base{}, crypto.ErrFormat
	}
	saved, err := s.decodeSaved(sealed)
	if err != nil {
		return base{}, err
	}
	p, err := crypto.ParsePointer(saved.Pointer)
	if err != nil {
		return base{}, err
	}
	head, err := object.DecodeHead(saved.Head)
	if err != nil {
		return base{}, err
	}
	commit, err := object.DecodeCommit(saved.Commit, head.Commit)
	if err != nil {
		return base{}, err
	}
	return base{pointer: p, version: head.Version, ref: head.Commit, hash: object.HashCommit(saved.Commit), commit: commit,
		whole: tree.New(s.nodes, commit.Root), files: tree.New(s.nodes, saved.Files), shown: object.Time(saved.Shown)}, nil
}

// decodeSaved opens the file as this version writes it, or as the first did: then Shown is the time of the commit, by
// the clock of the device that made it.
func (s *Space) decodeSaved(sealed []byte) (saved savedBase, err error) {
	open := func(label string) ([]byte, error) {
		return crypto.OpenFrame(s.keys.Frames([saltSize]byte(sealed)), 0, []byte(label), sealed[saltSize:])
	}
	plain, err := open(savedLabel)
	if err == nil {
		err = crypto.Decode(plain, &saved)
		return saved, err
	}
	if plain, err = open(savedFirst); err != nil {
		return saved, err
	}
	var first savedBase1
	if err := crypto.Decode(plain, &first); err != nil {
		return saved, err
	}
	saved = savedBase{Pointer: first.Pointer, Head: first.Head, Commit: first.Commit, Files: first.Files}
	head, err := object.DecodeHead(first.Head)
	if err != nil {
		return saved, err
	}
	commit, err := object.DecodeCommit(first.Commit, head.Commit)
	saved.Shown = commit.Time
	return saved, err
}

// beginning is what a space begins with.
type beginning struct {
	local   base      // the commit that the journal's first record is made to
	newest  base      // what the remote shows; zero when it could not be asked, or is not to be believed
	trouble error     // why
	asked   time.Time // when
}

// firstAnswer is how long the remote may take to show its newest state when there is another to begin with.
const firstAnswer = 5 * time.Second

// findBase asks the remote, and takes what was saved when it does not answer or lies.
func (s *Space) findBase(ctx context.Context) (beginning, error) {
	asked := s.now()
	local, err := s.saved()
	if errors.Is(err, fs.ErrNotExist) {
		newest, err := loadBase(ctx, s.store, s.nodes, s.keys.Capability)
		newest.shown = asked
		return beginning{local: newest, newest: newest, asked: asked}, err
	}
	if err != nil {
		return beginning{}, err
	}
	ask, cancel := context.WithTimeout(ctx, firstAnswer)
	defer cancel()
	newest, err := loadBase(ask, s.store, s.nodes, s.keys.Capability)
	if err != nil && ctx.Err() != nil {
		return beginning{}, err
	}
	return beginning{local: local, newest: newest, trouble: err, asked: asked}, nil
}
