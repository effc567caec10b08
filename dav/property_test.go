package dav_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"postern/dav"
	"postern/vfs/vfstest"
)

// world is a drive, and the locks that two clients hold.
type world struct {
	t      *rapid.T
	h      http.Handler
	tokens map[string]held // by token
}

type held struct {
	client int
	root   string
	deep   bool
}

func (w *world) do(client int, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr = fmt.Sprintf("10.0.0.%d:1", client) // else the guard takes both for one client
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	return rec
}

// submit returns an If header with all of a client's tokens that is true in every state.
func (w *world) submit(client int) string {
	s := "If: "
	for token, l := range w.tokens {
		if l.client == client {
			s += "(<" + token + ">) "
		}
	}
	return s + "(Not <DAV:no-lock>)"
}

// state returns all that clients can see of the tree, by path. It lists the folders one by one.
func (w *world) state() map[string]string {
	seen := map[string]string{}
	for _, p := range worldPaths {
		if get := w.do(0, "GET", p, ""); get.Code == http.StatusOK {
			content := get.Body.String()
			if strings.HasPrefix(get.Header().Get("Content-Type"), "text/html") {
				content = "folder"
			}
			seen[p] = content
		}
	}
	return seen
}

// covered reports whether a lock of the other client protects a path's state, or its place in its folder.
func (w *world) covered(client int, p string, place bool) bool {
	for _, l := range w.tokens {
		if l.client == client {
			continue
		}
		if l.root == p || l.deep && strings.HasPrefix(p, l.root+"/") || place && l.root == path.Dir(p) {
			return true
		}
	}
	return false
}

var worldPaths = []string{"/files/a", "/files/b", "/files/d", "/files/d/a", "/files/d/b", "/files/d/d", "/files/d/d/a"}

// TestNobodyChangesWhatAnotherHasLocked runs random requests of two clients. A request of one client never changes
// what a lock of the other protects; a request that fails changes nothing; one that succeeds has its effect.
func TestNobodyChangesWhatAnotherHasLocked(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h, err := dav.New(vfstest.NewModel(vfstest.ModelOptions{}), dav.Options{Guard: -1})
		if err != nil {
			rt.Fatal(err)
		}
		w := &world{t: rt, h: h, tokens: map[string]held{}}
		before := w.state()
		for step := range rapid.IntRange(1, 25).Draw(rt, "steps") {
			client := rapid.IntRange(1, 2).Draw(rt, "client")
			p := rapid.SampledFrom(worldPaths).Draw(rt, "path")
			to := rapid.SampledFrom(worldPaths).Draw(rt, "to")
			method := rapid.SampledFrom([]string{"PUT", "PUT", "MKCOL", "MKCOL", "DELETE", "MOVE", "COPY", "LOCK",
				"UNLOCK"}).Draw(rt, "method")
			headers := []string{w.submit(client)}
			body := ""
			switch method {
			case "PUT":
				body = fmt.Sprintf("step %d", step)
			case "MOVE", "COPY":
				headers = append(headers, "Destination: "+to)
			case "LOCK":
				body = lockBody("exclusive")
				headers = append(headers, "Depth: "+rapid.SampledFrom([]string{"0", "infinity"}).Draw(rt, "depth"))
			case "UNLOCK":
				for token, l := range w.tokens {
					if l.client == client && l.root == p {
						headers = []string{"Lock-Token: <" + token + ">"}
						delete(w.tokens, token)
						break
					}
				}
			}
			rec := w.do(client, method, p, body, headers...)
			after := w.state()
			what := fmt.Sprintf("client %d: %s %s %v: %d", client, method, p, headers[1:], rec.Code)
			ok := rec.Code < 300 && rec.Code != http.StatusMultiStatus
			for _, at := range worldPaths {
				old, was := before[at]
				now, is := after[at]
				if old == now && was == is {
					continue
				}
				if !ok {
					rt.Fatalf("%s has changed %s", what, at)
				}
				if w.covered(client, at, was != is) {
					rt.Fatalf("%s has changed %s, which the other has locked", what, at)
				}
			}
			if ok {
				w.learn(client, method, p, to, headers, rec, after)
				w.check(method, p, to, body, before, after, what)
			}
			before = after
		}
	})
}

// learn records which locks a response has granted or ended.
func (w *world) learn(client int, method, p, to string, headers []string, rec *httptest.ResponseRecorder,
	after map[string]string) {
	gone := func(root string, too bool) {
		for token, l := range w.tokens {
			if strings.HasPrefix(l.root, root+"/") || too && l.root == root {
				delete(w.tokens, token)
			}
		}
	}
	switch method {
	case "LOCK":
		if token := rec.Header().Get("Lock-Token"); token != "" { // else it has refreshed its own (RFC 4918, 9.10.2)
			w.tokens[strings.Trim(token, "<>")] = held{client, p, strings.HasSuffix(headers[1], "infinity")}
		}
	case "DELETE":
		gone(p, true)
	case "MOVE", "COPY":
		if method == "MOVE" {
			gone(p, true)
		}
		if rec.Code == http.StatusNoContent {
			gone(to, false)
			for token, l := range w.tokens { // whether it stays depends on the replaced entry, so look
				if l.root == to &&
					!strings.Contains(w.do(0, "PROPFIND", to, prop("D:lockdiscovery"), "Depth: 0").Body.String(), token) {
					delete(w.tokens, token)
				}
			}
		}
	}
}

// check fails the test unless a successful request has had its effect.
func (w *world) check(method, p, to, body string, before, after map[string]string, what string) {
	bad := false
	switch method {
	case "PUT":
		bad = after[p] != body
	case "MKCOL":
		bad = after[p] != "folder"
	case "DELETE":
		_, is := after[p]
		bad = is
	case "MOVE":
		_, is := after[p]
		bad = is || after[to] != before[p]
	case "COPY":
		bad = after[p] != before[p] || after[to] != before[p]
	}
	if bad {
		w.t.Fatalf("%s does not show: %v, then %v", what, before, after)
	}
}
