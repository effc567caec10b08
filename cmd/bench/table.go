package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

// table collects the measurements by row and server, one value for each round.
type table struct {
	servers []*server
	lines   []*line
}

// line is one row of the table.
type line struct {
	name, unit string
	values     map[*server][]float64
	// compared means that ratios are shown: more is better.
	compared bool
	limit    float64               // the limit that Postern should keep; 0: none
	cpu      map[*server][]float64 // of the server, in cpuUnit; nil: not measured
	client   map[*server][]float64 // of the client
	cpuUnit  string
}

func newTable(servers []*server) *table { return &table{servers: servers} }

// line returns the line of a name, and makes it if there is none.
func (t *table) line(name, unit string) *line {
	for _, l := range t.lines {
		if l.name == name {
			return l
		}
	}
	l := &line{name: name, unit: unit, values: map[*server][]float64{}}
	t.lines = append(t.lines, l)
	return l
}

func (l *line) add(s *server, value float64) { l.values[s] = append(l.values[s], value) }

// rate records how much a server has done in a second.
func (t *table) rate(r row, s *server, perSecond float64) {
	l := t.line(r.name, r.unit)
	l.compared = true
	l.add(s, perSecond)
}

// cpu records the CPU time that a row took.
func (t *table) cpu(r row, s *server, theirs, ours time.Duration) {
	l := t.line(r.name, r.unit)
	per := r.amount / 1024
	l.cpuUnit = "ms/GiB"
	scale := time.Millisecond
	if r.unit != "MiB/s" {
		per, l.cpuUnit, scale = r.amount, "µs each", time.Microsecond
	}
	if l.cpu == nil {
		l.cpu = map[*server][]float64{}
	}
	if l.client == nil {
		l.client = map[*server][]float64{}
	}
	l.cpu[s] = append(l.cpu[s], float64(theirs)/float64(scale)/per)
	l.client[s] = append(l.client[s], float64(ours)/float64(scale)/per)
}

// print prints the medians side by side, and the ratios of Postern to each other server.
func (t *table) print() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	head := []string{"measurement", "unit"}
	for _, s := range t.servers {
		head = append(head, s.name)
	}
	for _, s := range t.servers[1:] {
		head = append(head, "/"+s.name)
	}
	printRow(w, append(head, "limit"))
	for _, l := range t.lines {
		printRow(w, t.cells(l))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Println("\nCPU time of server + client; a large PUT's with all that it does after the answer:")
	printRow(w, head[:2+len(t.servers)])
	for _, l := range t.lines {
		if l.cpu == nil {
			continue
		}
		cells := []string{l.name, l.cpuUnit}
		for _, s := range t.servers {
			cells = append(cells, figure(l.cpu[s])+" + "+figure(l.client[s]))
		}
		printRow(w, cells)
	}
	return w.Flush()
}

func (t *table) cells(l *line) []string {
	cells := []string{l.name, l.unit}
	for _, s := range t.servers {
		cells = append(cells, figure(l.values[s]))
	}
	for _, s := range t.servers[1:] {
		ours, theirs := l.values[t.servers[0]], l.values[s]
		if !l.compared || len(ours) == 0 || len(theirs) != len(ours) {
			cells = append(cells, "–")
			continue
		}
		ratios := make([]float64, len(ours))
		for i := range ours {
			ratios[i] = ours[i] / theirs[i]
		}
		cells = append(cells, fmt.Sprintf("%.2f×", median(ratios)))
	}
	if l.limit > 0 {
		return append(cells, fmt.Sprintf("≤ %.0f", l.limit))
	}
	return append(cells, "")
}

func printRow(w io.Writer, cells []string) { fmt.Fprintln(w, strings.Join(cells, "\t")+"\t") }

// figure formats a median with its significant digits.
func figure(v []float64) string {
	switch m := median(v); {
	case len(v) == 0:
		return "–"
	case m < 10:
		return fmt.Sprintf("%.1f", m)
	default:
		return fmt.Sprintf("%.0f", m)
	}
}
