package dav_test

import (
	"bufio"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/dav"
	"postern/dav/auth"
	"postern/vfs"
)

const stagePassword = "s3cret"

// stage is where a replay is played: a drive behind its password, reached over a real connection.
type stage struct {
	count int // of requests with Digest
	*drive
	file    string
	line    int
	options dav.Options
	server  *httptest.Server
	conn    net.Conn
	in      *bufio.Reader
	clients map[string][]string
	who     string
	known   map[string]string // the text of each {word}
}

// stageSpace is what a stage's drive holds, in bytes.
const stageSpace = 1_000_000

func newStage(t *testing.T, file string) *stage {
	t.Helper()
	s := &stage{
		drive: newDriveWith(t, dav.Options{}, stageSpace), file: file, clients: map[string][]string{},
		options: dav.Options{Patience: -1, Locks: memory{}},
		known:   map[string]string{"basic": "Basic YWxpY2U6czNjcmV0"},
	}
	s.start()
	t.Cleanup(func() {
		s.server.CloseClientConnections()
		s.server.Close()
	})
	return s
}

// start starts a server for the drive, also for a restart.
func (s *stage) start() {
	s.t.Helper()
	if s.server != nil {
		s.server.Close()
	}
	s.options.Clock = func() time.Time { return s.now }
	s.restart(s.options)
	door, err := auth.New(auth.Options{User: "alice", Password: stagePassword, Clock: s.options.Clock})
	if err != nil {
		s.t.Fatal(err)
	}
	s.server = httptest.NewServer(door(s.h))
	s.connect()
}

func (s *stage) connect() {
	s.t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(s.t.Context(), "tcp", s.server.Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	s.conn, s.in = conn, bufio.NewReader(conn)
	s.t.Cleanup(func() { conn.Close() })
}

func (s *stage) play(scene scene) {
	for _, step := range scene.steps {
		s.line = step.line
		switch {
		case step.deed != "":
			s.deed(step.deed)
		case step.client != "":
			if step.defining {
				s.clients[step.client] = step.headers
			}
			if _, ok := s.clients[step.client]; !ok {
				s.fatalf("nobody is called %s", step.client)
			}
			s.who = step.client
		default:
			s.exchange(step.request)
		}
	}
}

func (s *stage) errorf(format string, args ...any) {
	s.t.Helper()
	s.t.Errorf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, args...))
}

func (s *stage) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, args...))
}

// deed makes or checks a change of the drive.
func (s *stage) deed(line string) {
	s.t.Helper()
	word, rest, _ := strings.Cut(line, " ")
	path, content, _ := strings.Cut(rest, " ")
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	switch word {
	case "file": // file PATH CONTENT
		s.write(path, content)
	case "folder":
		if err := s.fs.Mkdir(s.t.Context(), path, nil); err != nil {
			s.fatalf("%v", err)
		}
	case "holds": // holds PATH CONTENT
		if got := s.read(path); got != content {
			s.errorf("%s holds %q", path, got)
		}
	case "gone":
		if got := s.read(path); got != "-" {
			s.errorf("%s is there: %q", path, got)
		}
	case "later": // later 5m
		d, err := time.ParseDuration(rest)
		if err != nil {
			s.fatalf("%v", err)
		}
		s.now = s.now.Add(d)
	case "restart":
		s.start()
	case "fails": // fails OP KIND, until "works"
		kind := map[string]error{"unreachable": vfs.ErrUnavailable, "full": vfs.ErrFull}[content]
		if kind == nil {
			s.fatalf("no such failure: %q", content)
		}
		s.fail = func(op, _ string) error {
			if op == path {
				return &vfs.Error{Op: op, Path: "/", Kind: kind, Err: errors.New("as the replay says")}
			}
			return nil
		}
	case "works":
		s.fail = nil
	default:
		s.fatalf("what is %q?", line)
	}
}

// exchange sends a request and compares the answer.
func (s *stage) exchange(x *exchange) {
	s.t.Helper()
	if len(x.answers) == 0 {
		s.fatalf("%s has no answer", x.first)
	}
	method, target, _ := strings.Cut(x.first, " ")
	target, _, _ = strings.Cut(target, " ")
	s.known["digest"] = s.digest(method, target)
	head, body := x.bytes(s.clients[s.who], s.expand)
	s.send(head)
	waits := x.answers[0].code == "100"
	if !waits {
		s.send(body)
	}
	for i := range x.answers {
		s.answer(method, &x.answers[i])
		if i == 0 && waits {
			s.send(body)
		}
	}
}

func (s *stage) send(b []byte) {
	s.t.Helper()
	if _, err := s.conn.Write(b); err != nil {
		s.fatalf("send: %v", err)
	}
}

func (s *stage) answer(method string, want *wantAnswer) {
	s.t.Helper()
	resp, err := http.ReadResponse(s.in, &http.Request{Method: method})
	if err != nil {
		s.fatalf("no answer: %v", err)
	}
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.fatalf("the answer breaks off: %v", err)
	}
	if resp.Close {
		s.connect()
	}
	body := string(raw)
	if got := strconv.Itoa(resp.StatusCode); got != want.code {
		s.fatalf("%s, want %s: %s", got, want.code, body)
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/xml") && method != http.MethodHead {
		(&answer{t: s.t, what: fmt.Sprintf("%s:%d", s.file, s.line), body: body}).wellFormed()
	}
	if m := nonce.FindStringSubmatch(resp.Header.Get("WWW-Authenticate")); m != nil {
		s.known["nonce"] = m[1]
	}
	for _, h := range want.headers {
		name, value, _ := strings.Cut(h, ":")
		got := strings.Join(resp.Header.Values(name), ", ")
		if _, ok := s.match("^", strings.TrimSpace(value), "$", ".+?", got); !ok {
			s.errorf("%s is %q, want %q", name, got, value)
		}
	}
	rest := body
	for _, part := range want.parts {
		end, ok := s.match("", part, "", "[^<>]+", rest)
		if !ok {
			s.errorf("the answer lacks %q in its place: %s", part, body)
		}
		rest = rest[end:]
	}
	for _, part := range want.not {
		if strings.Contains(body, s.expand(part)) {
			s.errorf("the answer has %q: %s", part, body)
		}
	}
}

var nonce = regexp.MustCompile(`nonce="([^"]*)"`)

var word = regexp.MustCompile(`\{[a-z0-9]+\}`)

// expand replaces each {word} by its text.
func (s *stage) expand(text string) string {
	s.t.Helper()
	return word.ReplaceAllStringFunc(text, func(w string) string {
		value, ok := s.known[w[1:len(w)-1]]
		if !ok {
			s.fatalf("%s is not known", w)
		}
		return value
	})
}

// match finds a text and returns where it ends. A {word} without a text yet matches any text of its kind, and keeps it.
func (s *stage) match(before, text, after, unknown, got string) (end int, ok bool) {
	var b strings.Builder
	at := 0
	for _, m := range word.FindAllStringIndex(text, -1) {
		b.WriteString(regexp.QuoteMeta(text[at:m[0]]))
		name := text[m[0]+1 : m[1]-1]
		if value, ok := s.known[name]; ok {
			b.WriteString(regexp.QuoteMeta(value))
		} else {
			b.WriteString("(?P<" + name + ">" + unknown + ")")
		}
		at = m[1]
	}
	b.WriteString(regexp.QuoteMeta(text[at:]))
	re := regexp.MustCompile(before + b.String() + after)
	m := re.FindStringSubmatchIndex(got)
	if m == nil {
		return 0, false
	}
	for i, name := range re.SubexpNames() {
		if name != "" {
			s.known[name] = got[m[2*i]:m[2*i+1]]
		}
	}
	return m[1], true
}

// digest returns the credentials of a client with Digest, for the nonce of the latest 401.
func (s *stage) digest(method, target string) string {
	md := func(parts ...string) string {
		sum := md5.Sum([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(sum[:])
	}
	nonce := s.known["nonce"]
	s.count++
	nc := fmt.Sprintf("%08x", s.count)
	response := md(md("alice", auth.DefaultRealm, stagePassword), nonce, nc, "cnonce", "auth", md(method, target))
	return fmt.Sprintf(`Digest username="alice",realm="%s",nonce="%s",uri="%s",cnonce="cnonce",nc=%s,response="%s",`+
		`qop="auth"`,
		auth.DefaultRealm, nonce, target, nc, response)
}
