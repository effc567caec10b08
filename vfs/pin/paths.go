package pin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"postern/remote/localfs"
	"postern/vfs"
	"postern/vfs/object"
)

// Paths stores the list of pinned paths.
type Paths interface {
	// Load returns the list saved last, or an empty one.
	Load() ([]string, error)
	// Save replaces the list durably.
	Save(paths []string) error
}

// File stores the list in a file, as a JSON array.
type File string

// Load implements Paths.
func (f File) Load() ([]string, error) {
	text, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var paths []string
	if err := json.Unmarshal(text, &paths); err != nil {
		return nil, fmt.Errorf("%s is not a list of paths (%w): correct it, or remove it and pin the paths again", string(f),
			err)
	}
	for _, path := range paths {
		if err := valid(path); err != nil {
			return nil, fmt.Errorf("%s: %w", string(f), err)
		}
	}
	return paths, nil
}

// Save implements Paths.
func (f File) Save(paths []string) error {
	text, err := json.MarshalIndent(paths, "", "  ")
	if err != nil {
		return err
	}
	return localfs.Replace(localfs.OS{}, string(f), append(text, '\n'))
}

// valid rejects strings that cannot be paths of a drive.
func valid(path string) error {
	if path == "/" {
		return nil
	}
	rest, ok := strings.CutPrefix(path, "/")
	for name := range strings.SplitSeq(rest, "/") {
		ok = ok && object.ValidName(name)
	}
	if !ok {
		return &vfs.Error{Op: "pin", Path: path, Kind: vfs.ErrInvalid,
			Err: errors.New("a path begins with / and does not end with it")}
	}
	return nil
}
