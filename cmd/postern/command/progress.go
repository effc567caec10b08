package command

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
)

// Meter shows the progress of long work in one line of a terminal, which it overwrites. It prints nothing elsewhere.
type Meter struct {
	terminal *Terminal
	mu       sync.Mutex
	width    int       // of the line on the screen
	shown    time.Time // when that line was written
	pace     pace
}

// pace finds how many bytes a second move: over five to ten seconds, so that it neither jumps nor lags.
type pace struct{ before, last sample }

// sample is how many bytes had moved at a time.
type sample struct {
	at    time.Time
	moved int64
}

// paceOver is the least time over which a pace is found.
const paceOver = 5 * time.Second

// add notes how many bytes have moved, and returns the bytes a second; 0: it is not known yet.
func (p *pace) add(now time.Time, moved int64) float64 {
	switch {
	case p.before.at.IsZero():
		p.before, p.last = sample{now, moved}, sample{now, moved}
	case now.Sub(p.last.at) >= paceOver:
		p.before, p.last = p.last, sample{now, moved}
	}
	over := now.Sub(p.before.at)
	if over < time.Second {
		return 0
	}
	return float64(moved-p.before.moved) / over.Seconds()
}

// mostLeft bounds the time left that is shown.
const mostLeft = 999 * time.Hour

// showEvery is the least time between two lines: nobody reads faster, and a slow terminal would hold up the work.
const showEvery = 100 * time.Millisecond

// Meter returns a meter that has shown nothing yet.
func (t *Terminal) Meter() *Meter { return &Meter{terminal: t} }

// Show shows how far the work is. It is a control.Tell.
func (m *Meter) Show(at control.Progress) {
	if !term.IsTerminal(int(m.terminal.Err.Fd())) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	rate := m.pace.add(now, at.Bytes-at.Skipped)
	if now.Sub(m.shown) >= showEvery {
		m.shown = now
		m.write(progressLine(at, rate))
	}
}

// Clear wipes the line.
func (m *Meter) Clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.width > 0 {
		m.write("")
		_, _ = fmt.Fprint(m.terminal.Err, "\r")
	}
}

func (m *Meter) write(line string) {
	line = say.Printable(line)
	_, _ = fmt.Fprintf(m.terminal.Err, "\r%s%s", line, strings.Repeat(" ", max(m.width-len(line), 0)))
	m.width = len(line)
}

// Working calls do with the gateway, as WithGateway does, and shows the progress that do reports.
func (p *Program) Working(ctx context.Context, do func(control.Gateway, control.Tell) error) error {
	m := p.Meter()
	defer m.Clear()
	return p.WithGateway(ctx, func(g control.Gateway) error { return do(g, m.Show) })
}

// progressLine returns a line such as "blobs copied: 12 of 40, 3 MiB of 10 MiB (30 %), 1.5 MiB/s, 5s left", without the
// parts that are unknown. rate is in bytes a second.
func progressLine(at control.Progress, rate float64) string {
	line := fmt.Sprintf("%s: %d", at.What, at.Items)
	if at.TotalItems > 0 {
		line += fmt.Sprintf(" of %d", at.TotalItems)
	}
	if at.Bytes > 0 {
		line += ", " + home.Size(at.Bytes).String()
	}
	if at.TotalBytes > 0 {
		line += fmt.Sprintf(" of %v (%d %%)", home.Size(at.TotalBytes), min(100*at.Bytes/at.TotalBytes, 100))
	}
	if rate >= 1 {
		line += fmt.Sprintf(", %v/s", home.Size(rate))
		if left := at.TotalBytes - at.Bytes; left > 0 {
			takes := min(time.Duration(float64(left)/rate*float64(time.Second)), mostLeft)
			line += fmt.Sprintf(", %v left", takes.Round(time.Second))
		}
	}
	return line
}
