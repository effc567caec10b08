package dav

import "context"

// life is the context of a handler's requests, instead of their own. net/http cancels a request's context when the
// client's stream ends, but a client may close its side once it has sent everything (RFC 9112, 9.6): ffmpeg closes the
// connection after a PUT, others half-close it and continue reading. So a request that has arrived whole is carried
// out. An incomplete body appears as a failed read, a disconnected client as a failed write.
type life struct {
	ctx context.Context // cancelled by Stop
	end context.CancelFunc
}

func newLife() life {
	ctx, end := context.WithCancel(context.Background())
	return life{ctx, end}
}

// of returns a context that has the values of a request's context and ends with the life, and its cancel function.
func (l life) of(request context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(request))
	forget := context.AfterFunc(l.ctx, cancel)
	return ctx, func() { forget(); cancel() }
}
