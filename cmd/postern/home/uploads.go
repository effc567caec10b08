package home

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// The bounds of what Uploads keeps.
const (
	maxUploads     = 4096     // notes; far more than there are uploads at one time
	maxUploadsFile = 64 << 10 // bytes of ended notes before the file is written anew
)

// Uploads notes the uploads that are under way or have failed, so that the next gateway knows which ones never ended
// well. A note costs no wait for the disk: it outlives the process, not the machine, and the clients run on this
// machine. It is safe for concurrent use.
type Uploads struct {
	left []string

	mu   sync.Mutex
	file *os.File
	size int // bytes since the file was written anew
	open map[string]bool
}

// OpenUploads reads the notes that the last gateway left, and begins a new file.
func (h Home) OpenUploads() (*Uploads, error) {
	if err := checkPlain(h.Uploads()); err != nil {
		return nil, fmt.Errorf("can't open the notes of uploads %s: %w", h.Uploads(), cause(err))
	}
	file, err := os.OpenFile(h.Uploads(), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("can't open the notes of uploads: %w", err)
	}
	raw, err := os.ReadFile(h.Uploads())
	if err == nil {
		err = file.Truncate(0)
	}
	if err != nil {
		return nil, fmt.Errorf("can't read the notes of uploads: %w", closed(file, err))
	}
	return &Uploads{left: unfinished(string(raw)), file: file, open: map[string]bool{}}, nil
}

func closed(file *os.File, err error) error {
	_ = file.Close()
	return err
}

// unfinished returns the notes that were begun and not ended. It skips text that is no note, which a crash cut.
func unfinished(text string) []string {
	open := map[string]bool{}
	for line := range strings.Lines(text) {
		sign, quoted, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		note, err := strconv.Unquote(quoted)
		switch {
		case err != nil:
		case sign == begun:
			open[note] = true
		case sign == ended:
			delete(open, note)
		}
	}
	return slices.Sorted(maps.Keys(open))
}

// The signs before notes.
const (
	begun = "+"
	ended = "-"
)

// Left are the notes that the last gateway did not end.
func (u *Uploads) Left() []string { return u.left }

// Begin keeps a note until End; beyond maxUploads there are none.
func (u *Uploads) Begin(note string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.open[note] || len(u.open) >= maxUploads {
		return nil
	}
	u.open[note] = true
	return u.write(begun, note)
}

// End forgets a note. One that isn't there is no error.
func (u *Uploads) End(note string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.open[note] {
		return nil
	}
	delete(u.open, note)
	if u.size < maxUploadsFile {
		return u.write(ended, note)
	}
	u.size = 0
	if err := u.file.Truncate(0); err != nil {
		return err
	}
	for left := range u.open {
		if err := u.write(begun, left); err != nil {
			return err
		}
	}
	u.size = 0
	return nil
}

func (u *Uploads) write(sign, note string) error {
	n, err := u.file.WriteString(sign + " " + strconv.Quote(note) + "\n")
	u.size += n
	return err
}

// Close closes the file, and removes it if it holds no note.
func (u *Uploads) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.file.Close(); err != nil || len(u.open) > 0 {
		return err
	}
	return os.Remove(u.file.Name())
}
