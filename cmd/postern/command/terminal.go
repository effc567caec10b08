package command

import (
	"encoding/json"
	"io"
	"os"
	"regexp"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"postern/cmd/postern/reach"
	"postern/cmd/postern/say"
)

// Terminal is what a command reads and writes. Any of the three may also be a file or a pipe.
type Terminal struct {
	In, Out, Err *os.File

	hints func(string) string // completes the commands in a text; nil: it stays as it is
}

// Print writes a text of our own to Out.
func (t *Terminal) Print(text string) { _, _ = io.WriteString(t.Out, t.Complete(text)) }

// Printf writes to Out and escapes control characters in the arguments. It ignores a reader that went away: a gateway
// goes on serving.
func (t *Terminal) Printf(format string, args ...any) {
	_, _ = io.WriteString(t.Out, t.Complete(say.Sprintf(format, args...)))
}

// Warnf is Printf to Err.
func (t *Terminal) Warnf(format string, args ...any) {
	_, _ = io.WriteString(t.Err, t.Complete(say.Sprintf(format, args...)))
}

// PrintJSON prints a value for programs.
func (t *Terminal) PrintJSON(value any) error {
	out := json.NewEncoder(t.Out)
	out.SetIndent("", "  ")
	return out.Encode(value)
}

// OnScreen reports whether Out is a terminal. Anything else may be a log, which others read and which is kept for
// years.
func (t *Terminal) OnScreen() bool { return term.IsTerminal(int(t.Out.Fd())) }

// Interactive reports whether somebody can be asked.
func (t *Terminal) Interactive() bool { return term.IsTerminal(int(t.In.Fd())) }

// Complete adds --home to the commands in a text, where the user gave it, so that they can be typed as they stand.
// Print, Printf and Warnf do so.
func (t *Terminal) Complete(text string) string {
	if t.hints == nil {
		return text
	}
	return t.hints(text)
}

// Table prints rows in columns. Cells are separated by tabs; Flush prints them.
type Table struct{ cells *tabwriter.Writer }

// Table returns an empty table of left-aligned columns.
func (t *Terminal) Table() Table { return Table{tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)} }

// RightTable returns an empty table of right-aligned columns.
func (t *Terminal) RightTable() Table {
	return Table{tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', tabwriter.AlignRight)}
}

// Row adds a line. Arguments are escaped as by Printf.
func (t Table) Row(format string, args ...any) {
	_, _ = say.Fprintf(t.cells, format+"\n", args...) // kept in memory until Flush, which returns all errors
}

// Flush prints the rows.
func (t Table) Flush() error { return t.cells.Flush() }

// hintsFor returns a function that completes the commands in a text, such as "run postern serve", if the user gave
// --home. A home from the environment needs no completion.
func hintsFor(commands []*cobra.Command, homeFlag *string) func(string) string {
	var names []string
	for _, c := range commands {
		names = append(names, regexp.QuoteMeta(c.Name()))
	}
	hint := regexp.MustCompile(`\bpostern (` + strings.Join(names, "|") + `)\b`)
	return func(text string) string {
		if *homeFlag == "" {
			return text
		}
		return hint.ReplaceAllStringFunc(text, func(found string) string {
			return "postern --home " + reach.ShellQuote(*homeFlag) + strings.TrimPrefix(found, "postern")
		})
	}
}
