package disk

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"postern/crypto"
)

// The folders of a store.
const (
	blobFolder    = "blobs"
	pointerFolder = "pointers"
	lockFolder    = "locks"
	tmpFolder     = "tmp"
)

// shards is the number of folders that blobs and pointers are spread over, by their first byte: a terabyte of full
// blobs makes 800 files in each, which every filesystem copes with.
const shards = 256

// kind is what a shard folder holds.
type kind int

const (
	blobs kind = iota
	pointers
)

// folder returns the name of a kind's top folder.
func (k kind) folder() string {
	if k == blobs {
		return blobFolder
	}
	return pointerFolder
}

// shardName is the folder of a first byte.
func shardName(first byte) string { return hex.EncodeToString([]byte{first}) }

// shardPath is the folder of a kind and first byte.
func (s *Store) shardPath(k kind, first byte) string {
	return filepath.Join(s.root, k.folder(), shardName(first))
}

// blobPath is where a blob lies.
func (s *Store) blobPath(name crypto.BlobName) string {
	return filepath.Join(s.shardPath(blobs, name[0]), name.String())
}

// pointerPath is where a pointer lies.
func (s *Store) pointerPath(id crypto.PointerID) string {
	return filepath.Join(s.shardPath(pointers, id[0]), id.String())
}

// ensureShard makes the shard folder, durably, unless it is known to be there. It makes that one folder only: where the
// folders above are gone, the disk is, and nothing must be written to the place where it was mounted.
func (s *Store) ensureShard(k kind, first byte) error {
	if s.made[k][first].Load() {
		return nil
	}
	err := os.Mkdir(s.shardPath(k, first), folderMode)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := s.sys.SyncDir(filepath.Join(s.root, k.folder())); err != nil {
		return err
	}
	s.made[k][first].Store(true)
	return nil
}

// again makes a change, and once more when something that this handle had made isn't there any more, though the store is: someone has put it
// back from a copy.
func (s *Store) again(change func() error) error {
	err := change()
	if !errors.Is(err, fs.ErrNotExist) || s.isGone() {
		return err
	}
	s.log.Info("the store was put back from a copy, it seems; what this handle needs there is made anew", "store", s.root, "err", err)
	for k := range s.made {
		for i := range s.made[k] {
			s.made[k][i].Store(false)
		}
	}
	// Not found(), which would make a store of the empty folder that a disk leaves which is taken away just now.
	for _, folder := range []string{blobFolder, pointerFolder, lockFolder, tmpFolder} {
		if err := os.Mkdir(filepath.Join(s.root, folder), folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := s.tmp.renew(); err != nil {
		return err
	}
	return change()
}

// parseBlobFile tells which blob a file of a shard folder holds; false: it is none of ours and is passed over.
func parseBlobFile(shard, file string) (crypto.BlobName, bool) {
	name, err := crypto.ParseBlobName(file)
	if err != nil || shardName(name[0]) != shard {
		return crypto.BlobName{}, false
	}
	return name, true
}
