package object

import (
	"math"
	"time"
)

// Nanos returns t as stored in entries: nanoseconds since 1970 UTC. Times that do not fit (before 1677, after 2262)
// become the nearest one that does.
func Nanos(t time.Time) int64 {
	switch s := t.Unix(); {
	case s <= math.MinInt64/int64(time.Second):
		return math.MinInt64
	case s >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	default:
		return t.UnixNano()
	}
}

// Time is the inverse of Nanos, in UTC.
func Time(ns int64) time.Time { return time.Unix(0, ns).UTC() }
