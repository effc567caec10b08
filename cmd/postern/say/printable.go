package say

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable returns text that is safe to show on a terminal or in a line of a log: everything that is not printed but
// obeyed there (newlines, escape sequences, marks that turn the direction of writing) and every byte that is no UTF-8
// is escaped as in Go. File names can hold all of these.
func Printable(text string) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, obeyed) {
		return text
	}
	var out strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, text[0])
		case obeyed(r):
			quoted := strconv.QuoteRuneToASCII(r)
			out.WriteString(quoted[1 : len(quoted)-1])
		default:
			out.WriteRune(r)
		}
		text = text[size:]
	}
	return out.String()
}

// obeyed reports whether a terminal would do something else with a rune than show it.
func obeyed(r rune) bool { return !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r) }

// Sprintf is fmt.Sprintf with arguments that are Printable, so that no name can break the line that the format makes.
func Sprintf(format string, args ...any) string {
	safe := make([]any, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			safe[i] = Printable(arg)
		case error:
			safe[i] = Printable(arg.Error())
		case fmt.Stringer:
			safe[i] = Printable(arg.String())
		default:
			safe[i] = arg
		}
	}
	return fmt.Sprintf(format, safe...)
}

// Fprintf is fmt.Fprintf with arguments that are Printable.
func Fprintf(w io.Writer, format string, args ...any) (int, error) {
	return io.WriteString(w, Sprintf(format, args...))
}
