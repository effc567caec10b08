package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
)

// meter shows how far long work has come, in one line on a terminal that is written over, and nothing anywhere else.
type meter struct {
	p     *program
	mu    sync.Mutex
	width int       // of what stands there
	told  time.Time // when that was written
}

// tellEvery is how often the line is written anew: what comes oftener nobody reads, and a slow terminal would hold up the work.
const tellEvery = 100 * time.Millisecond

func (p *program) meter() *meter { return &meter{p: p} }

// tell is a control.Tell.
func (m *meter) tell(at control.Progress) {
	if !term.IsTerminal(int(m.p.err.Fd())) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := time.Now(); now.Sub(m.told) >= tellEvery {
		m.told = now
		m.write(progressLine(at))
	}
}

// done wipes the line.
func (m *meter) done() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.width > 0 {
		m.write("")
		_, _ = fmt.Fprint(m.p.err, "\r")
	}
}

func (m *meter) write(line string) {
	line = say.Printable(line)
	_, _ = fmt.Fprintf(m.p.err, "\r%s%s", line, strings.Repeat(" ", max(m.width-len(line), 0)))
	m.width = len(line)
}

// progressLine is "blobs copied: 12 of 40, 3 MiB of 10 MiB (30 %)", as far as it is known.
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

// printJSON prints a value for programs.
func (p *program) printJSON(value any) error {
	out := json.NewEncoder(p.out)
	out.SetIndent("", "  ")
	return out.Encode(value)
}
