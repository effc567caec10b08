// Package mount makes the drive a folder of this system, by the means that the system has for it: gio or davfs2 on
// Linux, Finder's own on macOS, the WebClient service on Windows. The password goes by standard input or memory, never
// by an argument.
package mount

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"postern/cmd/postern/system"
)

// Drive is what is to be mounted.
type Drive struct {
	URL      *url.URL // http or https
	User     string
	Password string
	CA       []byte // the authority of the drive's certificate, in PEM; empty: one that the system trusts
}

// Plan is how to mount it.
type Plan struct {
	Files []File        // to be written before the steps, and removed after them
	Steps []system.Step // on Windows: what a user would type, for Connect does it
	Where system.Step   // prints "local path: …"; without arguments where Folder is known
	// Folder is where the drive will be; empty where the system decides.
	Folder string
	Make   bool        // the folder is to be made if it isn't there
	Net    *Connection // on Windows
}

// File is a file that a step reads. It holds no secret.
type File struct{ Path, Text string }

// Connection is a network drive of Windows.
type Connection struct{ Letter, Remote string }

// ErrRights says that the way to mount here needs an administrator, ErrWay that there is none, ErrFolder that one has
// to be named.
var (
	ErrRights = errors.New("mounting on a folder needs an administrator")
	ErrWay    = errors.New("this system has nothing to mount with")
	ErrFolder = errors.New("a folder to mount on has to be named")
)

// For plans how to mount a drive. The folder may be empty where the system chooses one; on Windows it is a letter, such
// as P:. Files are planned into scratch, a folder that others may look into.
func For(f system.Facts, d Drive, folder, scratch string) (Plan, error) {
	switch f.OS {
	case "windows":
		return onWindows(f, d, folder)
	case "darwin":
		return onMac(d, folder), nil
	case "linux":
		return onLinux(f, d, folder, scratch)
	}
	return Plan{}, fmt.Errorf("%w that Postern knows", ErrWay)
}

func onLinux(f system.Facts, d Drive, folder, scratch string) (Plan, error) {
	if folder == "" && f.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" && f.Has("gio") {
		at := gioURL(d)
		return Plan{
			Steps: []system.Step{{Does: "mounts it for the desktop", Args: []string{"gio", "mount", at}, In: d.Password + "\n"}},
			Where: system.Step{Args: []string{"gio", "info", at}},
		}, nil
	}
	switch {
	case !f.Has("mount.davfs") && folder == "":
		return Plan{}, fmt.Errorf("%w: install gvfs and gvfs-backends on a desktop, or davfs2", ErrWay)
	case !f.Has("mount.davfs"):
		return Plan{}, fmt.Errorf("%w on a folder: install davfs2", ErrWay)
	case folder == "":
		return Plan{}, ErrFolder
	case !f.Admin:
		return Plan{}, ErrRights
	}
	conf := filepath.Join(scratch, "davfs2.conf")
	// Listings need a larger buffer on Linux 6.16 and newer; and what is closed goes to the drive at once, which is near.
	text := "buf_size 64\ndelay_upload 0\n"
	files := []File(nil)
	if len(d.CA) > 0 {
		ca := filepath.Join(scratch, "ca.pem")
		text += "trust_ca_cert " + ca + "\n"
		files = append(files, File{ca, string(d.CA)})
	}
	options := "rw,conf=" + conf + ",username=" + d.User
	if uid, gid := f.Getenv("SUDO_UID"), f.Getenv("SUDO_GID"); uid != "" && gid != "" {
		options += ",uid=" + uid + ",gid=" + gid // the user who ran sudo is to use it
	}
	return Plan{
		Files: append(files, File{conf, text}), Folder: folder, Make: true,
		Steps: []system.Step{{Does: "mounts it", Args: []string{"mount.davfs", "-o", options, d.URL.String(), folder},
			In: d.Password + "\n"}},
	}, nil
}

// gioURL is the address of the drive for GNOME.
func gioURL(d Drive) string {
	at := *d.URL
	at.Scheme = strings.Replace(at.Scheme, "http", "dav", 1)
	at.User = url.User(d.User)
	return at.String()
}

// onMac has Finder's own way, where the system chooses the folder, and mount_webdav where the user does.
func onMac(d Drive, folder string) Plan {
	if folder == "" {
		script := fmt.Sprintf("mount volume %s as user name %s with password %s\n", appleScript(d.URL.String()),
			appleScript(d.User), appleScript(d.Password))
		return Plan{Steps: []system.Step{{Does: "mounts it as Finder does", Args: []string{"osascript", "-"}, In: script}}}
	}
	return Plan{Folder: folder, Make: true, Steps: []system.Step{{Does: "mounts it",
		Args: []string{"mount_webdav", "-a", "0", "-v", "Postern", d.URL.String(), folder},
		In:   credentials(d.User, d.Password)}}}
}

// appleScript is a string literal of that language.
func appleScript(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// credentials is what "mount_webdav -a FD" reads, as Finder gives it (readCredentialsFromFile in Apple's webdavfs):
// user, password, a proxy's user and password, and certificates, each after its length.
func credentials(user, password string) string {
	var out []byte
	for _, s := range []string{user, password, "", "", ""} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(s)))
		out = append(out, s...)
	}
	return string(out)
}

// Undo plans how to unmount the drive from a folder, or, if that is empty, from every place in mounted, which is the
// output of the program mount. Where the drive is not mounted, there are no steps.
func Undo(f system.Facts, d Drive, folder, mounted string) ([]system.Step, error) {
	switch {
	case f.OS == "windows" && folder == "":
		return nil, errors.New("the letter of the drive has to be named")
	case f.OS == "windows":
		return []system.Step{{Does: "lets go of it", Args: []string{"net", "use", folder, "/delete"}}}, nil
	}
	folders := []string{folder}
	if folder == "" {
		folders = Places(mounted, d.URL.String())
	}
	var steps []system.Step
	for _, folder := range folders {
		steps = append(steps, system.Step{Does: "unmounts it from " + folder, Args: []string{"umount", folder},
			Admin: f.OS == "linux"})
	}
	if folder == "" && f.OS == "linux" && f.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" && f.Has("gio") {
		steps = append(steps, system.Step{Does: "unmounts it from the desktop",
			Args: []string{"gio", "mount", "-u", gioURL(d)}, Maybe: len(steps) > 0})
	}
	return steps, nil
}

// Places are the folders that an address is mounted on, of what the program mount says: "URL on FOLDER type fuse (…)"
// on Linux, without the type on macOS.
func Places(mounted, address string) (folders []string) {
	for line := range strings.Lines(mounted) {
		rest, ok := strings.CutPrefix(line, address+" on ")
		end := strings.LastIndex(rest, " (")
		if !ok || end < 0 {
			continue
		}
		rest = rest[:end]
		if typed := strings.LastIndex(rest, " type "); typed >= 0 {
			rest = rest[:typed]
		}
		folders = append(folders, rest)
	}
	return folders
}
