package disk

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"path/filepath"

	"postern/crypto"
)

// The folders of a store.
const (
	blobFolder    = "blobs"
	pointerFolder = "pointers"
	inboxesFolder = "inboxes"
	namesFolder   = "names"
	lockFolder    = "locks"
	tmpFolder     = "tmp"
)

// changesFile is the list of listed pointers that moved, and the lock of that list in the folder of locks.
const changesFile = "changes"

// topFolders are the folders right below the store's own.
var topFolders = []string{blobFolder, pointerFolder, inboxesFolder, namesFolder, lockFolder, tmpFolder}

// shards is the number of folders that blobs and pointers are spread over, by their first byte: a terabyte of full
// blobs makes 800 files in each, which every filesystem copes with.
const shards = 256

// kind is what a shard folder holds.
type kind int

const (
	blobs kind = iota
	pointers
	inboxes
	names
	kinds // their number
)

// folder returns the name of a kind's top folder.
func (k kind) folder() string {
	return [kinds]string{blobFolder, pointerFolder, inboxesFolder, namesFolder}[k]
}

// shardName is the folder of a first byte.
func shardName(first byte) string { return hex.EncodeToString([]byte{first}) }

// shardFolder is the folder of a kind and first byte, within the store.
func shardFolder(k kind, first byte) string { return filepath.Join(k.folder(), shardName(first)) }

// blobFile is where a blob lies within the store.
func blobFile(name crypto.BlobName) string {
	return filepath.Join(shardFolder(blobs, name[0]), name.String())
}

// pointerFile is where a pointer lies within the store.
func pointerFile(id crypto.PointerID) string {
	return filepath.Join(shardFolder(pointers, id[0]), id.String())
}

// ensureShard makes the shard folder, durably, unless it is known to be there. It makes that one folder only: if the
// folders above are gone, so is the disk, and nothing must be written to its mount point.
func (s *Store) ensureShard(p place, k kind, first byte) error {
	if s.made[k][first].Load() {
		return nil
	}
	if err := p.isFolder(k.folder()); err != nil {
		return err
	}
	if err := p.makeFolder(shardFolder(k, first)); err != nil {
		return err
	}
	if err := s.syncFolder(p, k.folder()); err != nil {
		return err
	}
	s.made[k][first].Store(true)
	return nil
}

// again runs change, and runs it a second time when something that this handle had made is missing although the store
// is there: the store was restored from a copy.
func (s *Store) again(p place, change func() error) error {
	err := change()
	if !errors.Is(err, fs.ErrNotExist) || s.isGone() {
		return err
	}
	s.log.Info("the store was put back from a copy, it seems; what this handle needs there is made anew", "store", s.root,
		"err", err)
	for k := range s.made {
		for i := range s.made[k] {
			s.made[k][i].Store(false)
		}
	}
	// found() must not run here: if the disk is unplugged just now, it would make a store in the empty mount point.
	for _, folder := range topFolders {
		if err := p.makeFolder(folder); err != nil {
			return err
		}
	}
	if err := s.tmp.renew(p); err != nil {
		return err
	}
	return change()
}

// isShard reports whether a name is that of a shard folder.
func isShard(name string) bool {
	b, err := hex.DecodeString(name)
	return err == nil && len(b) == 1 && shardName(b[0]) == name
}

// parseBlobFile returns the name of the blob in a file of a shard folder; false: the file is not ours and is skipped.
func parseBlobFile(shard, file string) (crypto.BlobName, bool) {
	name, err := crypto.ParseBlobName(file)
	if err != nil || shardName(name[0]) != shard {
		return crypto.BlobName{}, false
	}
	return name, true
}
