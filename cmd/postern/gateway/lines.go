package gateway

import (
	"slices"
	"time"

	"postern/cmd/postern/control"
	"postern/metrics"
	"postern/remote"
	"postern/remote/line"
)

// lineStatus returns what is known of the line to a remote and what was asked of it today; nil: nothing.
func lineStatus(l *line.Line, today remote.Usage) *control.Line {
	pace := l.Pace()
	if pace == (remote.Pace{}) && today == (remote.Usage{}) {
		return nil
	}
	return &control.Line{RoundTrip: pace.RoundTrip.Seconds(), Up: pace.Up, Down: pace.Down, Today: control.Usage(today)}
}

// lineStatus returns the state of the line to the one remote. The lines to the remotes of a mirror are shown one by
// one.
func (d *drive) lineStatus() *control.Line {
	if d.mirror != nil {
		return nil
	}
	return lineStatus(d.line, d.usage.Today(d.to.String()))
}

// lineFigures returns the figures of the line, or of all lines of a mirror, for Prometheus.
func (d *drive) lineFigures() metrics.LineState {
	state, now := d.line.State(), time.Now()
	figures := metrics.LineState{Pace: d.line.Pace(), Usage: d.usage.Total(), Away: state.Away, Outages: state.Times,
		FailedFast: state.Failed, LimitUp: d.up.At(now), LimitDown: d.down.At(now)}
	for _, l := range append(d.mirror.lines(), d.line) {
		figures.Retries += l.Retries()
		sent, won := l.Hedged()
		figures.Hedged, figures.HedgesWon = figures.Hedged+sent, figures.HedgesWon+won
	}
	return figures
}

// lines returns a copy of the lines to the remotes of a mirror; nil without a mirror.
func (c *copies) lines() []*line.Line {
	if c == nil || c.opened.Load() == nil {
		return nil
	}
	return slices.Clone(c.opened.Load().lines)
}
