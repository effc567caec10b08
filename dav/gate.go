package dav

import "net/http"

// How many requests may do at one time what takes much memory. There can be hundreds of requests, and each alone stays
// within its bound.
const (
	maxArchives = 4 // archives, of some 40 MB each until they end
	maxLargeXML = 4 // XML bodies of more than largeXML, of up to 150 MiB each while they are parsed and carried out

	largeXML = 64 << 10 // bytes; no program has been seen to send so many
)

// gate bounds how many requests are between enter and leave.
type gate chan struct{}

// enter takes a place that the request keeps until it is answered. When all are taken it waits, as long as a request
// waits for storage; then it returns an answer 503 that names what there are too many of.
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
	if q.h.o.Patience < 0 {
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

// exit gives the place back, if there is one.
func (q *request) exit() {
	if q.inside != nil {
		<-q.inside
		q.inside = nil
	}
}
