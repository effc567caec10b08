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
}

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
	if now := time.Now(); now.Sub(m.shown) >= showEvery {
		m.shown = now
		m.write(progressLine(at))
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

// progressLine returns a line such as "blobs copied: 12 of 40, 3 MiB of 10 MiB (30 %)", without the parts that are
// unknown.
func progressLine(at control.Progress) string {
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
	return line
}
