package pace

import "time"

// Plan is a rate by time of day: its steps, in the order of their times. Before the first step of a day the last one
// counts. A plan without steps sets no limit.
type Plan []Step

// Step is the rate from a time of day on.
type Step struct {
	From time.Duration // since midnight, as clocks on the wall show it
	Rate int64         // bytes a second; 0: no limit
}

// Steady returns the plan of one rate for the whole day.
func Steady(rate int64) Plan { return Plan{{Rate: rate}} }

// At returns the rate at a time, in its own time zone; 0: no limit.
func (p Plan) At(now time.Time) int64 {
	if len(p) == 0 {
		return 0
	}
	hour, minute, second := now.Clock()
	since := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second
	current := p[len(p)-1]
	for _, step := range p {
		if step.From <= since {
			current = step
		}
	}
	return current.Rate
}

// limits reports whether the plan ever sets a limit.
func (p Plan) limits() bool {
	for _, step := range p {
		if step.Rate > 0 {
			return true
		}
	}
	return false
}
