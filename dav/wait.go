package dav

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// wait is how long a client has gone without an answer: until its first byte, and not while the request's body is on
// its way here. When that is for as long as Options.Patience, nothing is waited for any more that only the remote has.
// All programs have their own idea of when a server is dead, and Finder, the least patient, freezes until then.
type wait struct {
	used     chan struct{} // closed when the patience is used up; nil: never
	answered atomic.Bool
	lost     atomic.Bool // the client did not take the answer
	timer    *time.Timer
	patience time.Duration
	begun    time.Time // of the time that counts
	body     time.Time // since when the body is on its way; zero: it isn't
}

func newWait(patience time.Duration) *wait {
	if patience < 0 {
		return &wait{}
	}
	// Timers run on the system's clock, whatever Options.Clock is.
	w := &wait{used: make(chan struct{}), patience: patience, begun: time.Now()}
	w.timer = time.AfterFunc(patience, sync.OnceFunc(func() { close(w.used) }))
	return w
}

// over is closed when the client has waited for long enough; nil when there is no such time, as after the first byte of
// the answer.
func (w *wait) over() <-chan struct{} {
	if w.answered.Load() {
		return nil
	}
	return w.used
}

// pause is called when the body is read on.
func (w *wait) pause() {
	if w.timer != nil && w.body.IsZero() {
		w.timer.Stop()
		w.body = time.Now()
	}
}

// resume is called when the body is here. The time that it took makes up for what was waited before, so that a large
// one is not lost for a little that is missing in the end.
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

// answer is a ResponseWriter that ends the wait at the first byte, and notes when the client has gone.
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
