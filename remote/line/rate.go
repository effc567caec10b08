package line

import (
	"math"
	"time"
)

const (
	// fading is the time in which what was measured loses two thirds of its weight: after a minute, nothing is left.
	fading = 8 * time.Second
	// memory is the least weight that a single transfer leaves to all before, so that one small transfer after a long
	// pause does not decide alone.
	memory = 1. / 64
	// latest is the least part of a transfer's time in which its bytes flow.
	latest = 1. / 8
	// maxSpans bounds the remembered times: more than there are transfers at one time.
	maxSpans = 128
)

// rate is the throughput in one direction: the bytes of transfers, and the time in which bytes flowed. Transfers at the
// same time share that time, so they add up. The round trip before the first byte does not belong to it: otherwise a
// few short transfers would pass for a slow line. Both sums fade alike, so pauses change nothing.
type rate struct {
	value       float64 // bytes a second; 0: not known
	bytes, time float64 // faded; time in seconds
	at          time.Time
	spans       []span // when bytes flowed: disjoint, in order, the newest ones
}

// span is a period of time.
type span struct{ from, to time.Time }

// moved adds a transfer of n bytes that has just ended. A small one shows the round trip, not the throughput.
func (r *rate) moved(n int64, began, now time.Time, trip time.Duration) {
	if n <= small {
		return
	}
	took := max(now.Sub(began), 1)
	flow := max(took-trip, time.Duration(latest*float64(took)), 1)
	fade := max(math.Exp(-max(now.Sub(r.at), 0).Seconds()/fading.Seconds()), memory)
	// The beginning of a long transfer has faded already.
	faded := flow.Seconds() / fading.Seconds()
	weight := -math.Expm1(-faded) / faded
	r.bytes = r.bytes*fade + weight*float64(n)
	r.time = r.time*fade + weight*r.covered(span{now.Add(-flow), now}).Seconds()
	r.at = now
	if r.time > 0 {
		r.value = r.bytes / r.time
	}
}

// covered remembers a span that ends now, and returns how much of it no other span has covered.
func (r *rate) covered(s span) time.Duration {
	whole := s
	covered := time.Duration(0)
	for n := len(r.spans); n > 0; n-- {
		last := r.spans[n-1]
		if last.to.Before(s.from) {
			break
		}
		if last.from.Before(whole.from) {
			whole.from = last.from
		}
		if s.from.After(last.from) {
			last.from = s.from
		}
		covered += last.to.Sub(last.from)
		r.spans = r.spans[:n-1]
	}
	r.spans = append(r.spans, whole)
	if len(r.spans) > maxSpans {
		r.spans = append(r.spans[:0], r.spans[1:]...)
	}
	return max(s.to.Sub(s.from)-covered, 0)
}
