package dav

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"postern/vfs"
)

// maxZipped bounds the number of files and folders in one archive, and so the memory of its directory, which is at the
// end: some 40 MB.
const maxZipped = 100_000

// The bounds of the paths in one archive, in bytes: of all together, since they are in the directory too, and of one,
// for which the format has 64 KiB in an encoding that is up to three times as long.
const (
	maxZippedPaths = 32 << 20
	maxZippedPath  = 16 << 10
)

// zip answers with a folder and everything in it as one archive. The archive is made while it is sent, without
// compression: most large files are compressed already, and no disk space is needed.
func (q *request) zip(info vfs.Info) error {
	if err := q.enter(q.h.archives, "archives"); err != nil {
		return err
	}
	// A first walk finds unreadable or too many entries while an error can still be answered. A browser waits for a
	// download.
	q.wait.end()
	name := info.Name
	if name == "" {
		name = "Postern"
	}
	above := len(strings.TrimSuffix(q.path, "/")) // how much of each path the archive has the folder's name for
	n, paths := 0, 0
	err := q.walk(q.path, func(p string, _ *vfs.Info) error {
		size := len(name) + len(p) - above
		paths += size
		if size > maxZippedPath || paths > maxZippedPaths {
			return fail(http.StatusForbidden,
				"The folders here lie too deep in each other, and their names are too long, for one archive. Download the "+
					"folders in it one by one.")
		}
		if n++; n > maxZipped {
			return fail(http.StatusForbidden,
				"There are more than %d files in this folder: too many for one archive. Download the folders in it one by one, "+
					"or copy it with a WebDAV program.", maxZipped)
		}
		return nil
	})
	if err != nil {
		return err
	}
	h := q.w.Header()
	h.Set("Content-Type", "application/zip")
	file := vfs.ReadablePath(name) + ".zip"
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": file}))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	q.w.WriteHeader(http.StatusOK)
	if q.r.Method == http.MethodHead {
		return nil
	}
	z := zip.NewWriter(q.w)
	err = q.walk(q.path, func(p string, m *vfs.Info) error {
		return q.pack(z, name+p[above:], p, m)
	})
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		if !q.gone() {
			q.h.o.Log.WarnContext(q.ctx(), "archive not sent whole", "path", q.path, "error", err)
		}
		panic(http.ErrAbortHandler) // so that the client notices the missing end
	}
	return nil
}

// pack adds one file or folder under a name.
func (q *request) pack(z *zip.Writer, name, p string, m *vfs.Info) error {
	h := &zip.FileHeader{Name: q.zipName(name), Modified: m.Modified}
	if !utf8.ValidString(h.Name) {
		// Only names of Unix are bytes: unpackers convert all others from a code page of DOS.
		mode := fs.FileMode(0o644)
		if m.Folder {
			mode = fs.ModeDir | 0o755
		}
		h.SetMode(mode)
	}
	if m.Folder {
		h.Name += "/"
		_, err := z.CreateHeader(h)
		return err
	}
	var f vfs.File
	err := q.patiently(func() (err error) {
		f, err = q.fs.Open(q.ctx(), p)
		return err
	})
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	w, err := z.CreateHeader(h)
	if err != nil {
		return err
	}
	left := f.Info().Size
	err = q.patiently(func() error {
		n, err := f.WriteNTo(w, left)
		left -= n
		return err
	})
	if err == nil && left > 0 {
		err = fmt.Errorf("%s ends %s bytes early: %w", p, strconv.FormatInt(left, 10), io.ErrUnexpectedEOF)
	}
	return err
}

// zipName returns a path that every unpacker reads alike: Windows reads a backslash as a slash, and rejects characters
// that its own filesystems do not support. Other systems get the bytes of names that are not UTF-8.
func (q *request) zipName(p string) string {
	if strings.Contains(q.r.UserAgent(), "Windows") {
		return toWindows(p)
	}
	return vfs.RawPath(strings.Map(func(c rune) rune {
		if c == '\\' || c < ' ' {
			return c + privateUse
		}
		return c
	}, p))
}

// walk calls do for everything in a folder, at any depth, each folder before its members. It keeps a list of pending
// folders instead of recursing, so that deep folders take no more memory than others.
func (q *request) walk(folder string, do func(p string, m *vfs.Info) error) error {
	for waiting := []string{folder}; len(waiting) > 0; {
		at := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		begin := len(waiting)
		err := q.membersOf(at, func(m *vfs.Info) error {
			p := join(at, m.Name)
			if m.Folder {
				waiting = append(waiting, p)
			}
			return do(p, m)
		})
		if err != nil {
			return err
		}
		slices.Reverse(waiting[begin:]) // the first comes first
	}
	return nil
}
