// Package home is the folder in which a gateway keeps everything local: settings, the account's secret, the drive's
// password, what was seen of pointers, journal, staging, cache.
//
//	config.toml      what the user may change; never written by Postern
//	account          user name, device, account secret (0600)
//	dav-password     what WebDAV clients log in with (0600)
//	tls/             the authority that certifies the drive (0600), and its certificate for other programs
//	state.db         the pins of pointers and the drive's locks (0600)
//	uploads          what is being uploaded just now (0600)
//	usage.json       what was asked of remotes on this day (0600); it may be lost
//	base             the newest commit that was seen, so that a start needs no remote (sealed)
//	journal/         what was answered 2xx and isn't yet at the remote
//	staging/         sealed blobs on their way
//	cache/           ciphertext that may be lost
//	remote/          the remote, as long as no other is named
//	control.sock     how commands reach a running gateway (0600)
//	lock             held by the one gateway that serves this home
//
// Errors are sentences that name the file and say what to do. A damaged file is never overwritten.
package home

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"postern/remote/localfs"
)

// Home is the path of a home folder. It need not exist before Make.
type Home string

// Locate decides where the home is: the flag, else $POSTERN_HOME, else the system's place for a user's data. The path
// that it returns is absolute.
func Locate(flag string, getenv func(string) string) (Home, error) {
	for _, path := range []string{flag, getenv("POSTERN_HOME")} {
		if path != "" {
			abs, err := filepath.Abs(path)
			if err != nil {
				return "", fmt.Errorf("can't make the path of the home %s absolute: %w", path, err)
			}
			return Home(abs), nil
		}
	}
	path := dataFolder(runtime.GOOS, getenv)
	if !filepath.IsAbs(path) {
		return "", errors.New("can't find the folder for a user's data: name a folder with --home or $POSTERN_HOME")
	}
	return Home(filepath.Join(path, "postern")), nil
}

// dataFolder is where goos keeps the data of programs: the XDG base directories on Unix, Application Support on macOS,
// the local (not roaming) profile on Windows, where a journal must not be copied between machines.
func dataFolder(goos string, getenv func(string) string) string {
	switch goos {
	case "windows":
		return getenv("LocalAppData")
	case "darwin", "ios":
		return filepath.Join(getenv("HOME"), "Library", "Application Support")
	}
	if xdg := getenv("XDG_DATA_HOME"); filepath.IsAbs(xdg) {
		return xdg // the specification has relative values ignored
	}
	return filepath.Join(getenv("HOME"), ".local", "share")
}

// String is the path.
func (h Home) String() string { return string(h) }

// Config is where the settings lie.
func (h Home) Config() string { return h.join("config.toml") }

// Account is where the account lies.
func (h Home) Account() string { return h.join("account") }

// Password is where the drive's password lies.
func (h Home) Password() string { return h.join("dav-password") }

// State is where pins and locks lie.
func (h Home) State() string { return h.join("state.db") }

// Uploads is where uploads that are under way are noted.
func (h Home) Uploads() string { return h.join("uploads") }

// Usage is where the counts of what was asked of remotes on this day lie.
func (h Home) Usage() string { return h.join("usage.json") }

// Letters is where it is noted which letters were handled.
func (h Home) Letters() string { return h.join("letters") }

// Journal is the journal's folder.
func (h Home) Journal() string { return h.join("journal") }

// Staging is the staging area's folder.
func (h Home) Staging() string { return h.join("staging") }

// Cache is the folder of the disk cache.
func (h Home) Cache() string { return h.join("cache") }

// Pinned is the store of the blobs that are kept for reading without the remote.
func (h Home) Pinned() string { return h.join("pinned") }

// Pins is the list of what is kept so.
func (h Home) Pins() string { return h.join("pins.json") }

// Remote is the folder of the remote that is used when no other is named.
func (h Home) Remote() string { return h.join("remote") }

// Socket is where a running gateway listens for commands.
func (h Home) Socket() string { return h.join("control.sock") }

// Authority is where the authority that certifies the drive lies, with its private key.
func (h Home) Authority() string { return h.join(filepath.Join("tls", "authority.pem")) }

// CA is the authority's certificate, for programs that take the name of such a file.
func (h Home) CA() string { return h.join(filepath.Join("tls", "ca.pem")) }

// Words is where a first run leaves the recovery words when it has no terminal to show them on.
func (h Home) Words() string { return h.join("recovery-words") }

func (h Home) lockFile() string { return h.join("lock") }

func (h Home) join(name string) string { return filepath.Join(string(h), name) }

// Make makes the folder, closed to other users, unless it is there. It refuses a folder that other users can write to.
func (h Home) Make() error {
	if err := (localfs.OS{}).MkdirAll(string(h)); err != nil {
		return fmt.Errorf("can't make the home folder %s: %w; name another with --home", h, cause(err))
	}
	info, err := os.Stat(string(h))
	if err != nil {
		return fmt.Errorf("can't look at the home folder %s: %w", h, cause(err))
	}
	if !info.IsDir() {
		return fmt.Errorf("the home %s is a file, not a folder; name another with --home", h)
	}
	if sharedFolder(info) {
		// Users who can put links and files there decide what the gateway reads and where it writes.
		return fmt.Errorf("the home %s can be written by other users of this machine: take that right away with chmod "+
			"go-w, or name another with --home", h)
	}
	return nil
}

// cause takes the operation and path off an error of package os, for sentences that name both themselves.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}
