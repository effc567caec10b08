package dav_test

import (
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"postern/dav"
	"postern/vfs/vfstest"
)

// This file is a plain model of RFC 4918, 6, 7 and 10.4: a table of locks, a table of files, and the answer that a
// request with an If header must get. TestIfAndLocksAgainstTheRFC compares the handler with it.

// modelLock is a line of the table of locks.
type modelLock struct {
	token, root string
	deep        bool
}

// protects reports whether the lock is on the resource itself, or on a folder above it with infinite depth (6.1, 7.4).
func (l modelLock) protects(p string) bool {
	return l.root == p || l.deep && strings.HasPrefix(p, l.root+"/")
}

// modelCondition is one condition of a list; modelList a list with its tag ("": the request's own resource).
type modelCondition struct {
	not         bool
	token, etag string
}

type modelList struct {
	tag        string
	conditions []modelCondition
}

// model is the state that a request meets.
type model struct {
	locks []modelLock
	etags map[string]string // of all files
	dirs  []string
}

func (m *model) exists(p string) bool { return m.etags[p] != "" || slices.Contains(m.dirs, p) }

// true reports whether a condition holds for a resource (10.4.3, 10.4.4).
func (m *model) true(c modelCondition, p string) bool {
	matches := c.etag != "" && m.etags[p] == c.etag
	for _, l := range m.locks {
		matches = matches || l.token == c.token && l.protects(p)
	}
	return matches != c.not
}

// holds reports whether an If header does: one of its lists must, in all its conditions (10.4.3).
func (m *model) holds(header []modelList, p string) bool {
	for _, l := range header {
		about := p
		if l.tag != "" {
			about = l.tag
		}
		if !slices.ContainsFunc(l.conditions, func(c modelCondition) bool { return !m.true(c, about) }) {
			return true
		}
	}
	return len(header) == 0
}

// submitted are the tokens of a header; it does not matter where they stand (10.4.1).
func submitted(header []modelList) map[string]bool {
	tokens := map[string]bool{}
	for _, l := range header {
		for _, c := range l.conditions {
			tokens[c.token] = true
		}
	}
	return tokens
}

// free reports whether a resource may be changed: it has no lock, or the token of one of its locks is there (7, 7.5).
func (m *model) free(p string, tokens map[string]bool) bool {
	locked := false
	for _, l := range m.locks {
		if l.protects(p) {
			if tokens[l.token] {
				return true
			}
			locked = true
		}
	}
	return !locked
}

// freeBelow reports the same for all locks on members (9.6.1).
func (m *model) freeBelow(p string, tokens map[string]bool) bool {
	for _, l := range m.locks {
		if !strings.HasPrefix(l.root, p+"/") {
			continue
		}
		ok := slices.ContainsFunc(m.locks, func(o modelLock) bool { return o.root == l.root && tokens[o.token] })
		if !ok {
			return false
		}
	}
	return true
}

// answer returns the status that a request must get: 412, 423, 207 when only members are locked, or success.
func (m *model) answer(method, p, to string, header []modelList) int {
	if !m.holds(header, p) {
		return http.StatusPreconditionFailed
	}
	tokens := submitted(header)
	var changes, trees []string // resources that change, and trees that are removed or replaced
	switch method {
	case "PROPPATCH":
		changes = []string{p}
	case "PUT", "MKCOL":
		changes = []string{p}
		if !m.exists(p) {
			changes = append(changes, path.Dir(p)) // a new member (7.4)
		}
	case "DELETE":
		changes, trees = []string{p, path.Dir(p)}, []string{p}
	case "COPY", "MOVE":
		changes = []string{to}
		if m.exists(to) {
			trees = append(trees, to)
		} else {
			changes = append(changes, path.Dir(to))
		}
		if method == "MOVE" {
			changes, trees = append(changes, p, path.Dir(p)), append(trees, p)
		}
	}
	for _, c := range changes {
		if !m.free(c, tokens) {
			return http.StatusLocked
		}
	}
	for _, tree := range trees {
		if !m.freeBelow(tree, tokens) {
			return http.StatusMultiStatus
		}
	}
	return http.StatusOK
}

// write returns the text of a header.
func writeIf(header []modelList, host string) string {
	var b strings.Builder
	for _, l := range header {
		if l.tag != "" {
			b.WriteString("<" + host + l.tag + "> ")
		}
		b.WriteString("(")
		for _, c := range l.conditions {
			if c.not {
				b.WriteString("Not ")
			}
			if c.token != "" {
				b.WriteString("<" + c.token + "> ")
			} else {
				b.WriteString("[" + c.etag + "]")
			}
		}
		b.WriteString(") ")
	}
	return b.String()
}

var (
	modelFiles = []string{"/files/a", "/files/d/a", "/files/d/e/a"}
	modelDirs  = []string{"/files", "/files/d", "/files/d/e"}
	modelNew   = []string{"/files/new", "/files/d/new", "/files/d/e/new"}
)

// drawIf draws a random header about the existing resources and locks.
func drawIf(rt *rapid.T, m *model) []modelList {
	tokens := []string{"DAV:no-lock", "urn:uuid:00000000-0000-4000-8000-000000000000"}
	for _, l := range m.locks {
		tokens = append(tokens, l.token, l.token, l.token)
	}
	etags := []string{`"other"`}
	for _, p := range modelFiles {
		etags = append(etags, m.etags[p], "W/"+m.etags[p])
	}
	tagged := rapid.Bool().Draw(rt, "tagged")
	var header []modelList
	for range rapid.IntRange(0, 3).Draw(rt, "lists") {
		var l modelList
		if tagged {
			l.tag = rapid.SampledFrom(slices.Concat(modelFiles, modelDirs, modelNew)).Draw(rt, "tag")
		}
		for range rapid.IntRange(1, 3).Draw(rt, "conditions") {
			c := modelCondition{not: rapid.Bool().Draw(rt, "not")}
			if rapid.IntRange(0, 2).Draw(rt, "kind") > 0 {
				c.token = rapid.SampledFrom(tokens).Draw(rt, "token")
			} else {
				c.etag = rapid.SampledFrom(etags).Draw(rt, "etag")
			}
			l.conditions = append(l.conditions, c)
		}
		header = append(header, l)
	}
	return header
}

// TestIfAndLocksAgainstTheRFC takes random locks and sends a request with a random If header, many times.
func TestIfAndLocksAgainstTheRFC(t *testing.T) {
	seen := map[int]int{}
	rapid.Check(t, func(rt *rapid.T) {
		for range 20 {
			seen[oneIf(rt)]++
		}
	})
	for _, code := range []int{http.StatusOK, http.StatusMultiStatus, http.StatusPreconditionFailed, http.StatusLocked} {
		if seen[code] == 0 && !t.Failed() {
			t.Errorf("of %v, none was %d", seen, code)
		}
	}
}

// oneIf sends one request to a fresh drive and returns the status that it had to get, 0 for a pointless request.
func oneIf(rt *rapid.T) int {
	h, err := dav.New(vfstest.NewModel(vfstest.ModelOptions{}), dav.Options{Guard: -1})
	if err != nil {
		rt.Fatal(err)
	}
	w := &world{t: rt, h: h}
	m := &model{etags: map[string]string{}, dirs: modelDirs}
	for _, p := range modelDirs[1:] {
		w.do(1, "MKCOL", p, "")
	}
	for _, p := range modelFiles {
		m.etags[p] = w.do(1, "PUT", p, p).Header().Get("ETag")
	}
	for range rapid.IntRange(0, 4).Draw(rt, "locks") {
		p := rapid.SampledFrom(slices.Concat(modelFiles, modelDirs)).Draw(rt, "root")
		depth := rapid.SampledFrom([]string{"0", "infinity"}).Draw(rt, "depth")
		scope := rapid.SampledFrom([]string{"exclusive", "shared", "shared"}).Draw(rt, "scope")
		if rec := w.do(1, "LOCK", p, lockBody(scope), "Depth: "+depth); rec.Code == http.StatusOK {
			m.locks = append(m.locks, modelLock{strings.Trim(rec.Header().Get("Lock-Token"), "<>"), p, depth == "infinity"})
		}
	}
	method := rapid.SampledFrom([]string{"PUT", "MKCOL", "DELETE", "PROPPATCH", "COPY", "MOVE"}).Draw(rt, "method")
	from, body := slices.Concat(modelFiles, modelDirs[1:]), ""
	switch method {
	case "PUT":
		from, body = slices.Concat(modelFiles, modelNew), "x"
	case "MKCOL":
		from = modelNew
	case "PROPPATCH":
		body = patch("<x:p>1</x:p>")
	}
	p := rapid.SampledFrom(from).Draw(rt, "path")
	to := rapid.SampledFrom(slices.Concat(modelFiles, modelDirs[1:], modelNew)).Draw(rt, "to")
	if (method == "COPY" || method == "MOVE") &&
		(p == to || strings.HasPrefix(to, p+"/") || strings.HasPrefix(p, to+"/")) {
		return 0 // 403 and 409, whatever the header says
	}
	header := drawIf(rt, m)
	headers := []string{"Destination: " + to}
	if len(header) > 0 {
		headers = append(headers,
			"If: "+
				writeIf(header, rapid.SampledFrom([]string{"", "http://example.com", "http://example.com:8090"}).Draw(rt, "host")))
	}
	want := m.answer(method, p, to, header)
	rec := w.do(1, method, p, body, headers...)
	got := rec.Code
	if got == http.StatusMultiStatus && method == "PROPPATCH" || got == http.StatusCreated || got == http.StatusNoContent {
		got = http.StatusOK
	}
	if got != want {
		rt.Fatalf("%s %s, to %s, If %s, locks %+v: %d, want %d: %s", method, p, to, writeIf(header, ""), m.locks, rec.Code,
			want, rec.Body)
	}
	return want
}
