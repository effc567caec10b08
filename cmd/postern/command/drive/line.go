package drive

import (
	"strconv"
	"strings"
	"time"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
)

// lineSentence says how fast a remote answers and what was asked of it today. It leaves out what is not known or zero.
func lineSentence(l control.Line) string {
	var pace, today []string
	if l.RoundTrip > 0 {
		pace = append(pace, brief(time.Duration(l.RoundTrip*float64(time.Second))))
	}
	if l.Up > 0 {
		pace = append(pace, "up "+home.Size(l.Up).String()+"/s")
	}
	if l.Down > 0 {
		pace = append(pace, "down "+home.Size(l.Down).String()+"/s")
	}
	if n := l.Today.Requests(); n > 0 {
		requests := say.Thousands(n) + say.IfElse(n == 1, " request", " requests")
		if l.Today.Writes > 0 {
			requests += " (" + say.Thousands(l.Today.Writes) + " writes and lists)"
		}
		today = append(today, requests)
	}
	if l.Today.Sent > 0 {
		today = append(today, "sent "+home.Size(l.Today.Sent).String())
	}
	if l.Today.Received > 0 {
		today = append(today, "received "+home.Size(l.Today.Received).String())
	}
	if n := l.Today.Errors; n > 0 {
		today = append(today, say.Thousands(n)+say.IfElse(n == 1, " error", " errors"))
	}
	sentence := strings.Join(pace, ", ")
	if len(today) > 0 {
		sentence += say.IfElse(sentence == "", "", "; ") + "today " + strings.Join(today, ", ")
	}
	return sentence
}

// brief returns a duration with two digits or a little more: 0.4 ms, 48 ms, 1.2 s.
func brief(d time.Duration) string {
	value, unit := d.Seconds()*1000, " ms"
	if d >= time.Second {
		value, unit = d.Seconds(), " s"
	}
	digits := 0
	if value < 10 {
		digits = 1
	}
	return strconv.FormatFloat(value, 'f', digits, 64) + unit
}
