package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
)

// maxSocketPath is the length that fits into a socket address everywhere: 104 bytes on macOS, 108 on Linux, less the
// closing zero.
const maxSocketPath = 103

// Listen opens the socket for the user alone. The caller holds the home's lock, so a file that lies there is left over
// from a gateway that was killed, and is removed.
func Listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("can't remove the old socket %s: %w", path, err)
	}
	short, done, err := shorten(path)
	if err != nil {
		return nil, err
	}
	defer done()
	// The socket is made in a folder that is closed to other users, and renamed into its place when its mode is right.
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: short + "~", Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("can't listen on %s: %w", path, err)
	}
	listener.SetUnlinkOnClose(false)
	err = os.Chmod(path+"~", 0o600)
	if err == nil {
		err = os.Rename(path+"~", path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("can't make the socket %s: %w", path, err), listener.Close(), os.Remove(path+"~"))
	}
	return &unlinking{Listener: listener, path: path}, nil
}

// unlinking removes the socket's file when the gateway stops listening.
type unlinking struct {
	net.Listener
	path string
}

func (l *unlinking) Close() error {
	if err := os.Remove(l.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, l.Listener.Close())
	}
	return l.Listener.Close()
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	short, done, err := shorten(path)
	if err != nil {
		return nil, err
	}
	defer done()
	var d net.Dialer
	return d.DialContext(ctx, "unix", short)
}

// shorten finds a name for a path that is too long for a socket address. Linux can name the folder by an open file.
func shorten(path string) (short string, done func(), err error) {
	if len(path)+len("~") <= maxSocketPath {
		return path, func() {}, nil
	}
	if runtime.GOOS != "linux" {
		return "", nil, fmt.Errorf("the home's path is too long for the socket %s: choose a home with a shorter path", path)
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), filepath.Base(path)), func() { _ = folder.Close() }, nil
}
