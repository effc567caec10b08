package home

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// InUseError says that another process holds a home.
type InUseError struct {
	Home Home
	PID  int // of the other process; 0 where unknown
}

// Error is one sentence with what to do.
func (e *InUseError) Error() string {
	by := "another process"
	if e.PID > 0 {
		by = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("the home %s is in use by %s: stop that gateway first, or name another home with --home", e.Home,
		by)
}

// Lock is the right of one process to a home's journal and state.
type Lock struct {
	file *flock.Flock
}

// Lock takes the home for this process or fails at once with an *InUseError. The system lets go of it when the process
// ends, however it ends.
func (h Home) Lock() (*Lock, error) {
	if err := checkPlain(h.lockFile()); err != nil {
		return nil, fmt.Errorf("can't lock the home with the file %s: %w", h.lockFile(), cause(err))
	}
	file := flock.New(h.lockFile(), flock.SetPermissions(0o600))
	got, err := file.TryLock()
	if err != nil {
		return nil, fmt.Errorf("can't lock the home %s: %w", h, cause(err))
	}
	if !got {
		return nil, &InUseError{Home: h, PID: h.holder()}
	}
	// The number is only for the sentence above: failing to write it (a full disk) must not keep the drive from opening.
	_ = os.WriteFile(h.lockFile(), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
	return &Lock{file: file}, nil
}

func (h Home) holder() int {
	text, err := os.ReadFile(h.lockFile())
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}

// Release lets go. The file stays, for removing it would let two processes hold two files of one name.
func (l *Lock) Release() error { return l.file.Unlock() }
