package dav_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A replay is a file in testdata/clients: the requests of one client, byte for byte, and the expected answers, read
// from top to bottom. Lines begin with
//
//	===  a scene with a fresh drive; lines before the first scene belong to every scene
//	#    a remark
//	*    a change or check of the drive (see deed)
//	>    a request: its line, headers, perhaps ">" alone and a body
//	<    the answer: its status, headers (with nothing after the colon: absent), perhaps "<" alone and parts of the
//	     body, in their order; "<!" is a part that the body must not have
//
// "client NAME" and the ">" lines under it are headers that this client sends with each later request; "as NAME" makes
// an earlier client send the next ones. {word} in an answer captures the text at its place; later occurrences, in
// requests too, stand for that text. {length} is the length of the body. In a chunked body each line is a chunk; else
// lines end in LF, except for the last.

// step is one event of a replay.
type step struct {
	line     int
	deed     string    // after "*"
	client   string    // of "client" and "as"
	headers  []string  // the client's own, of "client"
	request  *exchange // else
	defining bool      // "client", not "as"
}

// exchange is a request and its answer.
type exchange struct {
	first   string   // the request line
	headers []string // "Name: value"
	body    []string // lines; nil: none
	hasBody bool
	answers []wantAnswer // several when the first is 100
}

type wantAnswer struct {
	code    string
	headers []string
	parts   []string
	not     []string
}

// scene is a part of a replay, on a drive of its own.
type scene struct {
	name  string
	steps []step
}

// readReplay parses a file.
func readReplay(t *testing.T, path string) []scene {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := replayParser{t: t, path: path}
	for line := range strings.Lines(string(raw)) {
		p.line++
		p.take(strings.TrimRight(line, "\r\n"))
	}
	if len(p.scenes) == 0 {
		t.Fatalf("%s: no scene", path)
	}
	return p.scenes
}

type replayParser struct {
	t      *testing.T
	path   string
	line   int
	common []step
	scenes []scene
	inBody bool
}

func (p *replayParser) add(s step) {
	s.line = p.line
	p.inBody = false
	if len(p.scenes) == 0 {
		p.common = append(p.common, s)
		return
	}
	last := &p.scenes[len(p.scenes)-1]
	last.steps = append(last.steps, s)
}

// last is the step that is being read, nil before the first.
func (p *replayParser) last() *step {
	steps := p.common
	if len(p.scenes) > 0 {
		steps = p.scenes[len(p.scenes)-1].steps
	}
	if len(steps) == 0 {
		return nil
	}
	return &steps[len(steps)-1]
}

func (p *replayParser) take(line string) {
	p.t.Helper()
	mark, rest, _ := strings.Cut(line, " ")
	switch {
	case line == "", mark == "#":
	case mark == "===":
		p.scenes = append(p.scenes, scene{name: rest, steps: append([]step(nil), p.common...)})
		p.inBody = false
	case mark == "*":
		p.add(step{deed: rest})
	case mark == "client", mark == "as":
		p.add(step{client: rest, defining: mark == "client"})
	case mark == ">":
		p.asked(line, rest)
	case mark == "<", mark == "<!":
		p.answered(line, mark, rest)
	default:
		p.t.Fatalf("%s:%d: what is %q?", p.path, p.line, line)
	}
}

var requestLine = regexp.MustCompile(`^[A-Z]+ \S+ HTTP/1\.[01]$`)

func (p *replayParser) asked(line, rest string) {
	p.t.Helper()
	s := p.last()
	open := s != nil && (s.defining || s.request != nil && s.request.answers == nil)
	switch {
	case requestLine.MatchString(rest) && !(open && p.inBody):
		p.add(step{request: &exchange{first: rest}})
	case !open:
		p.t.Fatalf("%s:%d: %q belongs to no request", p.path, p.line, line)
	case s.defining:
		s.headers = append(s.headers, rest)
	case line == ">" && !p.inBody:
		p.inBody, s.request.hasBody = true, true
	case p.inBody:
		s.request.body = append(s.request.body, rest)
	default:
		s.request.headers = append(s.request.headers, rest)
	}
}

var statusLine = regexp.MustCompile(`^[1-5][0-9][0-9]$`)

func (p *replayParser) answered(line, mark, rest string) {
	p.t.Helper()
	s := p.last()
	if s == nil || s.request == nil {
		p.t.Fatalf("%s:%d: %q answers nothing", p.path, p.line, line)
	}
	if statusLine.MatchString(rest) && (len(s.request.answers) == 0 || !p.inBody) && mark == "<" {
		s.request.answers = append(s.request.answers, wantAnswer{code: rest})
		p.inBody = false
		return
	}
	if len(s.request.answers) == 0 {
		p.t.Fatalf("%s:%d: an answer begins with its status", p.path, p.line)
	}
	a := &s.request.answers[len(s.request.answers)-1]
	switch {
	case mark == "<!":
		a.not = append(a.not, rest)
	case line == "<":
		p.inBody = true
	case p.inBody:
		a.parts = append(a.parts, rest)
	default:
		a.headers = append(a.headers, rest)
	}
}

// bytes returns the request as it is sent. standing are the client's headers that the request does not set itself.
func (x *exchange) bytes(standing []string, expand func(string) string) (head, body []byte) {
	headers := append([]string(nil), x.headers...)
	for _, h := range standing {
		if name, _, _ := strings.Cut(h, ":"); !x.has(name) {
			headers = append(headers, h)
		}
	}
	if body = []byte(expand(strings.Join(x.body, "\n"))); x.has("Transfer-Encoding") {
		var b bytes.Buffer
		for _, chunk := range x.body {
			fmt.Fprintf(&b, "%x\r\n%s\r\n", len(chunk), chunk)
		}
		b.WriteString("0\r\n\r\n")
		body = b.Bytes()
	}
	var b bytes.Buffer
	b.WriteString(expand(x.first) + "\r\n")
	for _, h := range headers {
		if strings.HasSuffix(h, ":") {
			continue // a standing header that is left out this time
		}
		b.WriteString(expand(strings.ReplaceAll(h, "{length}", fmt.Sprint(len(body)))) + "\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes(), body
}

func (x *exchange) has(name string) bool {
	for _, h := range x.headers {
		if have, _, _ := strings.Cut(h, ":"); strings.EqualFold(have, name) {
			return true
		}
	}
	return false
}

// TestReplays plays every client's file.
func TestReplays(t *testing.T) {
	files, err := filepath.Glob("testdata/clients/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no replays: %v", err)
	}
	for _, file := range files {
		for _, s := range readReplay(t, file) {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+s.name, func(t *testing.T) {
				newStage(t, file).play(s)
			})
		}
	}
}
