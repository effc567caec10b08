package line

import (
	"io"
	"sync"

	"postern/remote"
)

// loan is a body that can be read as long as its owner waits.
type loan struct {
	remote.Body
	mu   sync.Mutex // held while bytes are read, which is quick: they are local
	over bool
}

// linkable is a loan of a body that has a file. The file does not change any more, so it may be linked at any time.
type linkable struct {
	*loan
	remote.Linker
}

// lend returns the body to pass on, and a function that ends reading from it.
func lend(body remote.Body) (lent remote.Body, end func()) {
	l := &loan{Body: body}
	end = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.over = true
	}
	if file, ok := body.(remote.Linker); ok {
		return linkable{l, file}, end
	}
	return l, end
}

// Size implements remote.Body.
func (l linkable) Size() int64 { return l.loan.Size() }

// Open implements remote.Body.
func (l linkable) Open() (io.ReadCloser, error) { return l.loan.Open() }

// Open implements remote.Body.
func (l *loan) Open() (io.ReadCloser, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return nil, errGone
	}
	r, err := l.Body.Open()
	if err != nil {
		return nil, err
	}
	return &reader{l, r}, nil
}

// reader reads a loan.
type reader struct {
	loan *loan
	io.ReadCloser
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	r.loan.mu.Lock()
	defer r.loan.mu.Unlock()
	if r.loan.over {
		return 0, errGone
	}
	return r.ReadCloser.Read(p)
}
