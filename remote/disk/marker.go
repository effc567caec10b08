package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"postern/remote"
	"postern/remote/localfs"
)

// markerName is the file that makes a folder a store.
const markerName = "postern-store"

// formatVersion is the format that this build reads and writes.
const formatVersion = 1

// markerMax bounds how many bytes of a marker are read.
const markerMax = 4096

// markerText is the whole marker. The first line is the format; the rest is for people.
const markerText = "postern-store 1\n" +
	"Sealed files of Postern. Nothing in this folder can be read or changed by hand.\n"

// newMarker is the prefix of a marker that is being written: Open ignores one that a crash left behind.
const newMarker = ".postern-store-new-"

// natural are things that operating systems put into the top folder of a disk. A folder with nothing else is empty.
var natural = []string{
	"lost+found", ".Trashes", ".Spotlight-V100", ".fseventsd", ".DS_Store", "System Volume Information", "$RECYCLE.BIN",
}

// parseMarker returns the format version that a marker names.
func parseMarker(b []byte) (uint64, error) {
	line, _, ended := bytes.Cut(b, []byte{'\n'})
	digits, ok := strings.CutPrefix(string(line), markerName+" ")
	if !ended || !ok {
		return 0, errors.New("it does not begin with a format version")
	}
	version, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || version == 0 || strconv.FormatUint(version, 10) != digits {
		return 0, fmt.Errorf("%q is not a format version", digits)
	}
	return version, nil
}

// found checks that the folder is a store, and makes it one if it is empty, unless the store must exist already. It
// writes the marker first, so that a folder with any other file of ours has the marker, too, even if two processes
// found the store at once.
func (s *Store) found() error {
	if !s.existing {
		if err := localfs.Make(s.root, s.syncPath); err != nil {
			return err
		}
	}
	p, err := s.enter()
	if s.existing && errors.Is(err, fs.ErrNotExist) {
		return remote.Fail(opOpen, s, remote.ErrUnavailable, ErrNoStore)
	}
	if err != nil {
		return err
	}
	defer p.Close()
	if _, err := p.Lstat(".."); err != nil {
		s.outside = errors.Unwrap(err)
	}
	is, err := s.isStore(p)
	if err != nil {
		return err
	}
	if !is {
		if err := s.isEmpty(p); err != nil {
			return err
		}
		if s.existing {
			return remote.Fail(opOpen, s, remote.ErrUnavailable, ErrNoStore)
		}
		if err := s.writeMarker(p); err != nil {
			return err
		}
	}
	for _, folder := range topFolders {
		if err := p.makeFolder(folder); err != nil {
			return err
		}
	}
	return s.syncFolder(p, ".")
}

// syncPath makes the names in a folder above the store durable.
func (s *Store) syncPath(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(s.sys.SyncFolder(d), d.Close())
}

// isStore reports whether the folder has a valid marker.
func (s *Store) isStore(p place) (bool, error) {
	b, err := p.readSmall(markerName, markerMax)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil && !errors.Is(err, errTooLong) {
		return false, err
	}
	version, err := parseMarker(b)
	if err != nil {
		return false, remote.Fail(opOpen, s, remote.ErrCorrupt,
			fmt.Errorf("the file %s is damaged: %w", filepath.Join(s.root, markerName), err))
	}
	if version > formatVersion {
		return false, remote.Fail(opOpen, s, remote.ErrForeign,
			fmt.Errorf("it has format %d and this Postern knows formats up to %d: install a newer one", version, formatVersion))
	}
	return true, nil
}

// isEmpty returns an error for a folder that holds foreign files.
func (s *Store) isEmpty(p place) error {
	folder, err := p.openFolder(".")
	if err != nil {
		return err
	}
	defer folder.Close()
	return each(folder, func(entry fs.DirEntry) (bool, error) {
		name := entry.Name()
		if slices.Contains(natural, name) || strings.HasPrefix(name, newMarker) {
			return true, nil
		}
		if is, err := s.isStore(p); err != nil || is {
			return false, err // another process was founding it meanwhile
		}
		return false, remote.Fail(opOpen, s, remote.ErrForeign,
			fmt.Errorf("the folder holds %q and no store: name an empty folder or one that does not exist", name))
	})
}

// writeMarker puts a whole, synced marker in its place. Two processes that do so at the same time write the same.
func (s *Store) writeMarker(p place) error {
	f, temp, err := p.create(newMarker, "")
	if err != nil {
		return err
	}
	defer func() { _ = p.Remove(temp) }()
	_, err = f.WriteString(markerText)
	if err == nil {
		err = s.sys.SyncFile(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := p.Rename(temp, markerName); err != nil {
		return err
	}
	if err := s.syncFolder(p, "."); err != nil {
		return err
	}
	return s.syncPath(filepath.Dir(s.root))
}
