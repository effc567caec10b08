package faulty

import (
	"io"

	"postern/remote"
)

// half is a body whose reader fails half-way. It is never a Linker, for a link has no half.
type half struct{ remote.Body }

// Open implements remote.Body.
func (h half) Open() (io.ReadCloser, error) {
	r, err := h.Body.Open()
	if err != nil {
		return nil, err
	}
	return &halfReader{ReadCloser: r, left: h.Size() / 2}, nil
}

// halfReader fails once left bytes were read.
type halfReader struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (h *halfReader) Read(p []byte) (int, error) {
	if h.left <= 0 {
		return 0, errFault
	}
	n, err := h.ReadCloser.Read(p[:min(int64(len(p)), h.left)])
	h.left -= int64(n)
	return n, err
}
