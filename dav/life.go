package dav

import "context"

// life bounds the requests of a handler, in place of their own contexts. net/http cancels a request's context when the
// client's stream ends, but a client may close its side once it has sent everything (RFC 9112, 9.6): ffmpeg closes the
// connection after a PUT, others half-close it and read on. So a request that has arrived whole is carried out. A body
// that is cut short shows as a failed read, a client that has gone as a failed write.
type life struct {
	ctx context.Context // ends when the handler is stopped
	end context.CancelFunc
}

func newLife() life {
	ctx, end := context.WithCancel(context.Background())
	return life{ctx, end}
}

// of returns a context that has the values of a request's context and ends with the life, and a function that releases
// it.
func (l life) of(request context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(request))
	forget := context.AfterFunc(l.ctx, cancel)
	return ctx, func() { forget(); cancel() }
}
