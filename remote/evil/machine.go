//go:build unix

package evil

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Trap is something that an attacker with access to a store's folder puts where a file or folder of the store belongs,
// to reach beyond the store or to block its users.
type Trap struct {
	Name string
	// set makes the trap at an unused path. outside is a tree that the attacker wants changed or read: it holds the file
	// "file" and the folder "folder".
	set func(path, outside string) error
}

// Traps returns all traps that this process may set; devices are for root only.
func Traps() []Trap {
	traps := []Trap{
		{"link to a folder outside", func(path, outside string) error {
			return os.Symlink(filepath.Join(outside, "folder"), path)
		}},
		{"link to a file outside", func(path, outside string) error {
			return os.Symlink(filepath.Join(outside, "file"), path)
		}},
		{"link to nothing outside", func(path, outside string) error {
			return os.Symlink(filepath.Join(outside, "new"), path)
		}},
		{"relative link outside", func(path, outside string) error {
			rel, err := filepath.Rel(filepath.Dir(path), filepath.Join(outside, "folder"))
			if err != nil {
				return err
			}
			return os.Symlink(rel, path)
		}},
		{"link to itself", func(path, _ string) error { return os.Symlink(filepath.Base(path), path) }},
		{"link to the folder above", func(path, _ string) error { return os.Symlink("..", path) }},
		{"second name of a file outside", func(path, outside string) error {
			return os.Link(filepath.Join(outside, "file"), path)
		}},
		{"pipe", func(path, _ string) error { return syscall.Mkfifo(path, 0o600) }},
		{"socket", func(path, _ string) error { return bindSocket(path) }},
		{"empty file", func(path, _ string) error { return os.WriteFile(path, nil, 0o600) }},
		{"huge file", func(path, _ string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40)) // sparse: it takes no room
		}},
		{"unreadable file", func(path, _ string) error { return os.WriteFile(path, []byte("x"), 0) }},
		{"empty folder", func(path, _ string) error { return os.Mkdir(path, 0o700) }},
		{"folder of strangers", strangers},
		{"deep tree", deep},
		{"nothing", func(string, string) error { return nil }},
	}
	if os.Geteuid() == 0 {
		traps = append(traps, Trap{"endless device", func(path, _ string) error { return mknod(path, 1, 5) }}) // /dev/zero
	}
	return traps
}

// Set replaces the file or folder at path by the trap. outside is the tree that the trap aims at.
func (t Trap) Set(path, outside string) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	if err := t.set(path, outside); err != nil {
		return fmt.Errorf("set a %s: %w", t.Name, err)
	}
	return nil
}

// bindSocket leaves a socket in the file system.
func bindSocket(path string) error {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	// A socket's path may have a hundred bytes only, so the socket is bound under a short name and then renamed.
	short := filepath.Join(os.TempDir(), fmt.Sprintf("evil-%d", os.Getpid()))
	err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: short})
	if err = errors.Join(err, syscall.Close(fd)); err != nil {
		return err
	}
	if err := os.Rename(short, path); err != nil {
		return errors.Join(err, os.Remove(short))
	}
	return nil
}

// strangers makes a folder of foreign names, and of links under names of the store's forms.
func strangers(path, outside string) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	var errs []error
	for _, name := range []string{"00", "ab", "session-1", "session-2.lock", "session-3", "1", "-rf", "line\nbreak",
		"\xff\xfe", "postern-store"} {
		errs = append(errs, os.Symlink(filepath.Join(outside, "folder"), filepath.Join(path, name)))
	}
	for i := range 10 {
		errs = append(errs, os.WriteFile(filepath.Join(path, fmt.Sprintf("stranger-%d", i)), nil, 0o600))
	}
	return errors.Join(errs...)
}

// depth is how many nested folders a deep tree has; with names of deepName its paths are longer than systems allow.
const (
	depth    = 60
	deepName = 100
)

// deep makes a tree whose deepest folder is beyond the longest path.
func deep(path, outside string) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	at, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	name := strings.Repeat("d", deepName)
	for range depth {
		if err := at.Mkdir(name, 0o700); err != nil {
			return errors.Join(err, at.Close())
		}
		next, err := at.OpenRoot(name)
		if err = errors.Join(err, at.Close()); err != nil {
			return err
		}
		at = next
	}
	return errors.Join(at.Symlink(outside, "1"), at.Close())
}

// Places returns the paths of a store's folder: one of each form, so that a trap can be set at each. folder must hold a
// blob, a listed pointer, a letter, the record of a name and an unfinished session.
func Places(folder string) ([]string, error) {
	places := []string{}
	for _, form := range []string{
		"postern-store", "id", "changes", "blobs", "pointers", "inboxes", "names", "locks", "tmp",
		"blobs/[0-9a-f]*", "pointers/[0-9a-f]*",
		"inboxes/[0-9a-f]*", "inboxes/*/[0-9a-f]*", "inboxes/*/*/[0-9a-f]*", "names/[0-9a-f]*", "names/*/[0-9a-f]*",
		"locks/[0-9a-f][0-9a-f]",
		"locks/changes", "tmp/session-*.lock",
		"tmp/session-*[^k]", "blobs/*/[0-9a-f]*", "pointers/*/[0-9a-f]*", "tmp/session-*[^k]/[0-9A-Za-z]*",
	} {
		found, err := filepath.Glob(filepath.Join(folder, form))
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("there is no %s in %s: %w", form, folder, fs.ErrNotExist)
		}
		places = append(places, found[0])
	}
	return places, nil
}
