package drive

import (
	"testing"

	"postern/cmd/postern/control"
)

func TestLineSentence(t *testing.T) {
	for _, c := range []struct {
		line control.Line
		want string
	}{
		{control.Line{RoundTrip: 0.0481, Up: 11 << 20, Down: 34 << 20, Today: control.Usage{Writes: 310, Reads: 890,
			Deletions: 4, Sent: 1288490189, Received: 300 << 20, Errors: 2}},
			"48 ms, up 11 MiB/s, down 34 MiB/s; today 1,204 requests (310 writes and lists), sent 1.2 GiB, " +
				"received 300 MiB, 2 errors"},
		{control.Line{RoundTrip: 0.0004, Today: control.Usage{Sent: 4096}}, "0.4 ms; today sent 4 KiB"},
		{control.Line{Today: control.Usage{Reads: 1, Errors: 1}}, "today 1 request, 1 error"},
		{control.Line{RoundTrip: 1.25, Down: 900}, "1.2 s, down 900 B/s"},
		{control.Line{}, ""},
	} {
		if got := lineSentence(c.line); got != c.want {
			t.Errorf("%+v:\n%q\nwant %q", c.line, got, c.want)
		}
	}
}
