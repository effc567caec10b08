package page

import (
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"postern/vfs"
	"postern/vfs/layout"
)

// visible returns a name or path for people to read. It escapes bytes that are not UTF-8, and replaces characters that
// can't be shown or that change the direction of the text, which could disguise a name.
func visible(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, unicode.IsControl(r), r == 0xfffe, r == 0xffff,
			r == 0x061c, 0x200b <= r && r <= 0x200f && r != 0x200d && r != 0x200c, 0x2028 <= r && r <= 0x202e,
			0x2060 <= r && r <= 0x2069, r == 0xfeff:
			return '\uFFFD'
		}
		return r
	}, vfs.ReadablePath(name))
}

// size formats a number of bytes for people.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return strconv.FormatInt(max(n, 0), 10) + " B"
	}
	f := float64(n)
	names := []string{"KiB", "MiB", "GiB", "TiB", "PiB"}
	for i, name := range names {
		if f /= unit; f < unit || i == len(names)-1 {
			digits := 1
			if f >= 100 {
				digits = 0
			}
			return strconv.FormatFloat(f, 'f', digits, 64) + " " + name
		}
	}
	return ""
}

// count formats a number for people.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// moment is a time twice: for programs, and for people in UTC; a script shows it in the reader's own zone.
type moment struct{ Machine, Human string }

func at(t time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	t = t.UTC()
	return moment{t.Format(time.RFC3339), t.Format("2006-01-02 15:04")}
}

// atState returns the time of a state of the history, to the second, since two can be of the same minute. For a name
// that is not a time it returns the name.
func atState(name string) moment {
	t, ok := layout.StateTime(name)
	if !ok {
		return moment{Human: visible(name)}
	}
	return moment{t.Format(time.RFC3339), t.Format(time.DateTime)}
}

const upperhex = "0123456789ABCDEF"

// href returns the address of a path. It escapes all but unreserved characters (RFC 3986, 2.3), so it is safe
// everywhere in a page.
func href(path string, folder bool) template.URL {
	path = vfs.RawPath(path)
	b := make([]byte, 0, len(path)+16)
	for i := range len(path) {
		c := path[i]
		if c == '/' || c == '-' || c == '.' || c == '_' || c == '~' ||
			'0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' {
			b = append(b, c)
			continue
		}
		b = append(b, '%', upperhex[c>>4], upperhex[c&15])
	}
	if folder && path != "/" {
		b = append(b, '/')
	}
	return template.URL(b)
}

func join(folder, name string) string {
	if folder == "/" {
		return "/" + name
	}
	return folder + "/" + name
}
