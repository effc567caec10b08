package dav

import "net/http"

// The bounds on concurrent requests that take much memory. There can be hundreds of requests, each within its own
// bound.
const (
	maxArchives = 4 // archives, of some 40 MB each until they end
	maxLargeXML = 4 // XML bodies of more than largeXML, of up to 150 MiB each while they are parsed and carried out

	largeXML = 64 << 10 // bytes; no known program sends more
)

// gate bounds the number of requests between enter and exit.
type gate chan struct{}

// enter takes a place that the request keeps until it is answered. If all are taken it waits, as long as a request
// waits for storage; then it returns a 503 that names the busy resource.
func (q *request) enter(g gate, what string) error {
	if q.inside != nil {
		return nil
	}
	select {
	case g <- struct{}{}:
		q.inside = g
		return nil
	default:
	}
	busy := fail(http.StatusServiceUnavailable, "Too many %s are under way at the same time; try again in a moment.", what)
	if q.h.o.Patience <= 0 {
		return busy
	}
	select {
	case g <- struct{}{}:
		q.inside = g
		return nil
	case <-q.wait.over():
		return busy
	case <-q.ctx().Done():
		return q.ctx().Err()
	}
}

// exit returns the place, if the request has one.
func (q *request) exit() {
	if q.inside != nil {
		<-q.inside
		q.inside = nil
	}
}
