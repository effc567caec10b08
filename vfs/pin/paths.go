package pin

import (
	"cmp"
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

// File stores the list in a file, as a JSON array of paths relative to a folder of the drive. Earlier versions could
// pin only what lies in that folder, and read the file as long as nothing else is pinned.
type File struct {
	Name   string
	Folder string // of the drive, such as "/files"; "": the drive's root
}

// outside begins the stored form of a path that does not lie in the folder. No valid path has such a name.
const outside = "/../"

// Load implements Paths.
func (f File) Load() ([]string, error) {
	text, err := os.ReadFile(f.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var paths []string
	if err := json.Unmarshal(text, &paths); err != nil {
		return nil, fmt.Errorf("%s is not a list of paths (%w): correct it, or remove it and pin the paths again",
			f.Name, err)
	}
	for i, path := range paths {
		rest, out := strings.CutPrefix(path, outside)
		if out = out && f.Folder != ""; out {
			path = "/" + rest
		}
		if err := valid(path); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if !out {
			path = cmp.Or(strings.TrimSuffix(f.Folder+path, "/"), "/")
		}
		paths[i] = path
	}
	return paths, nil
}

// Save implements Paths.
func (f File) Save(paths []string) error {
	stored := make([]string, len(paths))
	for i, path := range paths {
		within, in := strings.CutPrefix(path, f.Folder)
		switch {
		case in && within == "":
			stored[i] = "/"
		case in && within[0] == '/':
			stored[i] = within
		default:
			stored[i] = outside + path[1:]
		}
	}
	text, err := json.MarshalIndent(stored, "", "  ")
	if err != nil {
		return err
	}
	return localfs.Replace(localfs.OS{}, f.Name, append(text, '\n'))
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
