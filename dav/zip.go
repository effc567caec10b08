package dav

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	pathpkg "path"
	"strconv"
	"strings"
	"unicode/utf8"

	"postern/vfs"
)

// maxZipped bounds how many files and folders one archive holds, and with it the memory that its directory, which stands at
// the end, takes until then: some 40 MB.
const maxZipped = 100_000

// zip answers with a folder, and all that is in it, as one archive. It is made as it is sent, without compression: most of
// what is large is compressed already, and no disk is needed.
func (q *request) zip(info vfs.Info) error {
	// A first walk finds out what can't be read or is too much while that can still be an answer. A browser waits for a download.
	q.wait.end()
	n := 0
	err := q.walk(q.path, func(string, *vfs.Info) error {
		if n++; n > maxZipped {
			return fail(http.StatusForbidden, "There are more than %d files in this folder: too many for one archive. Download the folders in it one by one, or copy it with a WebDAV program.", maxZipped)
		}
		return nil
	})
	if err != nil {
		return err
	}
	name := info.Name
	if name == "" {
		name = "Postern"
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
		return q.pack(z, name+p[len(strings.TrimSuffix(q.path, "/")):], p, m)
	})
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		if !q.gone() {
			q.h.o.Log.WarnContext(q.ctx(), "archive broken off", "path", q.path, "error", err)
		}
		panic(http.ErrAbortHandler) // so that the client sees that the end is missing
	}
	return nil
}

// pack adds one file or folder under a name.
func (q *request) pack(z *zip.Writer, name, p string, m *vfs.Info) error {
	h := &zip.FileHeader{Name: q.zipName(name), Modified: m.Modified}
	if !utf8.ValidString(h.Name) {
		// Only the names of Unix are bytes: unpackers translate all others from a code page of DOS.
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
		f, err = q.h.fs.Open(q.ctx(), p)
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

// zipName makes a path one that no unpacker takes for another: Windows reads a backslash as a slash, and refuses what its own
// filesystems don't know. Other systems get the bytes of names that are not UTF-8.
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

// walk calls back with all that lies in a folder, at any depth, each folder before what is in it. It goes down before it goes on, so
// that it takes memory for the folders on the way only.
func (q *request) walk(folder string, do func(p string, m *vfs.Info) error) error {
	return q.membersOf(folder, func(m *vfs.Info) error {
		p := pathpkg.Join(folder, m.Name)
		if err := do(p, m); err != nil || !m.Folder {
			return err
		}
		return q.walk(p, do)
	})
}
