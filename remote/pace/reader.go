package pace

import (
	"context"
	"io"
)

// Upload returns r, a body of size bytes that a driver sends, with the limits of the call that ctx belongs to. A size
// below 0 is unknown.
func Upload(ctx context.Context, size int64, r io.Reader) io.Reader { return limit(ctx, size, r, true) }

// Download is Upload for what a driver receives.
func Download(ctx context.Context, size int64, r io.Reader) io.Reader {
	return limit(ctx, size, r, false)
}

func limit(ctx context.Context, size int64, r io.Reader, up bool) io.Reader {
	m, ok := ctx.Value(meterKey{}).(*meter)
	if !ok {
		return r
	}
	return &reader{ctx: ctx, m: m, r: r, up: up, small: size >= 0 && size <= Small}
}

// reader is a limited reader.
type reader struct {
	ctx   context.Context //nolint:containedctx // of the call whose bytes these are
	m     *meter
	r     io.Reader
	up    bool
	small bool
}

// Read implements io.Reader. It takes tokens for what was read before it returns it.
func (r *reader) Read(p []byte) (int, error) {
	if !r.small {
		for _, l := range r.m.limits {
			p = p[:l.direction(r.up).piece(len(p))]
		}
	}
	n, err := r.r.Read(p)
	if n <= 0 {
		return n, err
	}
	if waited := r.pass(n); waited != nil {
		return 0, waited
	}
	return n, err
}

// pass waits until n bytes may move.
func (r *reader) pass(n int) error {
	for _, l := range r.m.limits {
		if err := l.direction(r.up).pass(r.ctx, n, r.small, r.m.wait); err != nil {
			return err
		}
	}
	return nil
}

// Received waits as long as n bytes take to arrive within the limits of the call that ctx belongs to. A driver whose
// bytes come all at once calls it after it has read them.
func Received(ctx context.Context, n int) error {
	m, ok := ctx.Value(meterKey{}).(*meter)
	if !ok {
		return nil
	}
	_, err := io.CopyN(io.Discard, &reader{ctx: ctx, m: m, r: zeros{}, small: n <= Small}, int64(n))
	return err
}

// zeros is a reader of zeros.
type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) { return len(p), nil }
