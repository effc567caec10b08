package dav

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// wait measures how long a client has gone without an answer: until the first byte of the answer, and not while the
// request's body is arriving. After Options.Patience the request stops waiting for data that only the remote has. All
// programs time out at some point, and Finder, which has the shortest timeout, freezes until then.
type wait struct {
	used     chan struct{} // closed when the patience has run out; nil: never
	answered atomic.Bool
	lost     atomic.Bool // the client did not take the answer
	timer    *time.Timer
	patience time.Duration
	begun    time.Time // start of the measured time
	body     time.Time // since when the body has been arriving; zero: it is not
}

func newWait(patience time.Duration) *wait {
	if patience <= 0 {
		return &wait{}
	}
	// Timers run on the system's clock, whatever Options.Clock is.
	w := &wait{used: make(chan struct{}), patience: patience, begun: time.Now()}
	w.timer = time.AfterFunc(patience, sync.OnceFunc(func() { close(w.used) }))
	return w
}

// over returns a channel that is closed once the client has waited long enough; nil if there is no limit, as after the
// first byte of the answer.
func (w *wait) over() <-chan struct{} {
	if w.answered.Load() {
		return nil
	}
	return w.used
}

// pause is called when the handler reads from the body.
func (w *wait) pause() {
	if w.timer != nil && w.body.IsZero() {
		w.timer.Stop()
		w.body = time.Now()
	}
}

// resume is called when the body has arrived. The time that this took extends the deadline, so that a large body is not
// lost for a short wait at the end.
func (w *wait) resume() {
	if w.answered.Load() || w.body.IsZero() {
		return
	}
	now := time.Now()
	waited := max(w.body.Sub(w.begun)-now.Sub(w.body), 0)
	w.begun, w.body = now.Add(-waited), time.Time{}
	w.timer.Reset(w.patience - waited)
}

// end is called when an answer begins.
func (w *wait) end() {
	w.answered.Store(true)
	if w.timer != nil {
		w.timer.Stop()
	}
}

// answer is a ResponseWriter that ends the wait at the first byte, and records a failed write.
type answer struct {
	http.ResponseWriter
	wait *wait
}

// WriteHeader implements http.ResponseWriter.
func (a answer) WriteHeader(code int) {
	if code >= http.StatusOK {
		a.wait.end()
	}
	a.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (a answer) Write(p []byte) (int, error) {
	a.wait.end()
	n, err := a.ResponseWriter.Write(p)
	if err != nil {
		a.wait.lost.Store(true)
	}
	return n, err
}

// Unwrap is for http.ResponseController.
func (a answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
