package remotetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"postern/crypto"
	"postern/remote"
)

var bodyChecks = []Check{
	{Name: "body/fails", Promise: "a body that can't be read leaves nothing, and may be put again", Do: bodyFails},
	{Name: "body/wrong size", Promise: "a body of more or fewer bytes than its size leaves nothing", Do: bodyLies},
	{Name: "body/closed", Promise: "every body that was opened is closed", Do: bodyClosed},
	{Name: "body/small reads", Promise: "a body may come in pieces of any size", Do: bodyDribbles},
}

// errBody is the error of the bodies of these checks.
var errBody = errors.New("the check made this body fail")

// body is a body that misbehaves. It counts how often it was opened and closed.
type body struct {
	size   int64
	open   func() (io.Reader, error)
	opened atomic.Int64
	closed atomic.Int64
}

// Size implements remote.Body.
func (b *body) Size() int64 { return b.size }

// Open implements remote.Body.
func (b *body) Open() (io.ReadCloser, error) {
	r, err := b.open()
	if err != nil {
		return nil, err
	}
	b.opened.Add(1)
	return &opened{Reader: r, body: b}, nil
}

// opened is one reader of a body.
type opened struct {
	io.Reader
	body   *body
	closed atomic.Bool
}

// Close implements io.Closer.
func (o *opened) Close() error {
	if !o.closed.Swap(true) {
		o.body.closed.Add(1)
	}
	return nil
}

// failing is a reader that fails once the bytes before are read.
func failing(before []byte) io.Reader {
	return io.MultiReader(bytes.NewReader(before), readerFunc(func([]byte) (int, error) { return 0, errBody }))
}

type readerFunc func([]byte) (int, error)

// Read implements io.Reader.
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func bodyFails(ctx context.Context, e *Env) error {
	const size = 700_000
	name, data := e.blob(size)
	for _, after := range []int{-1, 0, 1, 100, size / 2, size - 1} {
		b := &body{size: size, open: func() (io.Reader, error) {
			if after < 0 {
				return nil, errBody
			}
			return failing(data[:after]), nil
		}}
		if err := e.Store.Put(ctx, name, b); err == nil {
			return fmt.Errorf("a body that fails after %d of %d bytes is put", after, size)
		}
		if err := lacks(ctx, e.Store, name); err != nil {
			return fmt.Errorf("after a body that failed at byte %d: %w", after, err)
		}
	}
	return first(e.Store.Put(ctx, name, remote.BytesBody(data)), holds(ctx, e.Store, name, data))
}

func bodyLies(ctx context.Context, e *Env) error {
	for _, c := range []struct{ says, has int64 }{{10_000, 9_999}, {10_000, 0}, {600_000, 300_000}, {10_000, 10_001},
		{4096, 600_000}} {
		data := e.bytes(int(c.has))
		name := crypto.NameOf(data)
		if c.has > c.says {
			// The name is that of the promised part: only the bytes beyond it are wrong.
			name = crypto.NameOf(data[:c.says])
		}
		b := &body{size: c.says, open: func() (io.Reader, error) { return bytes.NewReader(data), nil }}
		what := fmt.Sprintf("a body that says %d bytes and has %d", c.says, c.has)
		if err := first(want(what, e.Store.Put(ctx, name, b), remote.ErrCorrupt), lacks(ctx, e.Store, name)); err != nil {
			return err
		}
	}
	return nil
}

func bodyClosed(ctx context.Context, e *Env) error {
	name, data := e.blob(100_000)
	good := &body{size: int64(len(data)), open: func() (io.Reader, error) { return bytes.NewReader(data), nil }}
	bad := &body{size: int64(len(data)), open: func() (io.Reader, error) { return failing(data[:5000]), nil }}
	if err := e.Store.Put(ctx, name, bad); err == nil {
		return errors.New("a body that fails is put")
	}
	if err := e.Store.Put(ctx, name, good); err != nil {
		return err
	}
	for _, b := range []*body{good, bad} {
		if b.opened.Load() != b.closed.Load() || b.opened.Load() == 0 {
			return fmt.Errorf("a body was opened %d times and closed %d times", b.opened.Load(), b.closed.Load())
		}
	}
	return nil
}

func bodyDribbles(ctx context.Context, e *Env) error {
	name, data := e.blob(20_000)
	numbers := e.numbers()
	b := &body{size: int64(len(data)), open: func() (io.Reader, error) {
		left := data
		return readerFunc(func(p []byte) (int, error) {
			n := copy(p[:min(len(p), numbers.IntN(50))], left) // sometimes none, which a reader may do
			left = left[n:]
			if len(left) == 0 {
				return n, io.EOF // along with the last bytes, which a reader may do too
			}
			return n, nil
		}), nil
	}}
	return first(e.Store.Put(ctx, name, b), holds(ctx, e.Store, name, data))
}
