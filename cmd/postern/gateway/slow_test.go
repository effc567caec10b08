package gateway

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postern/dav"
	"postern/remote"
	"postern/remote/faulty"
	"postern/vfs"
	"postern/vfs/namespace"
)

// timed records when an answer begins.
type timed struct {
	*httptest.ResponseRecorder
	begun time.Time
}

func (w *timed) WriteHeader(code int) {
	w.note()
	w.ResponseRecorder.WriteHeader(code)
}

func (w *timed) Write(p []byte) (int, error) {
	w.note()
	return w.ResponseRecorder.Write(p)
}

func (w *timed) note() {
	if w.begun.IsZero() {
		w.begun = time.Now()
	}
}

// client retries as the answer asks, and checks that each answer begins soon.
type client struct {
	t *testing.T
	h http.Handler
}

func (c *client) do(code int, method, target string, body []byte, headers ...string) []byte {
	c.t.Helper()
	for range 40 {
		r := httptest.NewRequestWithContext(c.t.Context(), method, "/files"+target, bytes.NewReader(body))
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w, asked := &timed{ResponseRecorder: httptest.NewRecorder()}, time.Now()
		c.h.ServeHTTP(w, r)
		if took := w.begun.Sub(asked); took > remote.Shipped.Answer {
			c.t.Errorf("%s %s began to be answered after %v", method, target, took)
		}
		if w.Code != http.StatusServiceUnavailable {
			if w.Code != code {
				c.t.Fatalf("%s %s: %d %.300s", method, target, w.Code, w.Body)
			}
			return w.Body.Bytes()
		}
		if w.Header().Get("Retry-After") == "" || w.Body.Len() == 0 {
			c.t.Errorf("%s %s: %v %s", method, target, w.Header(), w.Body)
		}
		pass(10 * time.Second)
	}
	c.t.Fatalf("%s %s does not get on", method, target)
	return nil
}

// TestSlowCalls: over a remote that takes seconds for each answer, every answer begins in time, nothing is fetched
// twice, and clients that retry succeed: when reading and writing, in unread folders, in large ones, with large files.
// The remote is taken for away at most once.
func TestSlowCalls(t *testing.T) {
	for _, delay := range []time.Duration{4 * time.Second, 15 * time.Second} {
		t.Run(fmt.Sprint(delay), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStacked(t, delay)
				defer func() { s.close() }()
				film, small := noise(50<<20), noise(2000)
				s.fromAnother(film, small)
				fetches := atomic.Int64{}
				s.away.SetPlan(func(c faulty.Call) faulty.Fault {
					if c.Op == faulty.GetRange {
						fetches.Add(1)
					}
					return faulty.Delay
				})
				h, err := dav.New(namespace.New(namespace.Options{Made: time.Time{}}, map[string]vfs.FS{"files": s.space}),
					dav.Options{Patience: remote.Shipped.Answer})
				if err != nil {
					t.Fatal(err)
				}
				c := &client{t: t, h: h}

				if got := c.do(200, "GET", "/a/b/c/small", nil); !bytes.Equal(got, small) {
					t.Error("a small file holds something else")
				}
				if got := c.do(207, "PROPFIND", "/many", nil, "Depth", "1"); bytes.Count(got, []byte("<D:response>")) != 3001 {
					t.Error("a large folder is listed in part")
				}
				c.do(200, "HEAD", "/a/film", nil)
				fetches.Store(0)
				if got := c.do(200, "GET", "/a/film", nil); !bytes.Equal(got, film) {
					t.Error("a large file holds something else")
				}
				if n := fetches.Load(); n > 210 { // of 256 KiB each, but for a few at the ends of packs
					t.Errorf("200 pieces were fetched in %d", n)
				}
				c.do(201, "PUT", "/cold0/3", film)
				c.do(201, "MKCOL", "/cold1/3", nil)
				c.do(201, "MOVE", "/cold2/0", nil, "Destination", "/files/cold3/3")
				c.do(204, "DELETE", "/cold4/0", nil)
				s.flush()
				if times := s.line.State().Times; times > 1 {
					t.Errorf("it was taken for away %d times", times)
				}
			})
		})
	}
}

// fromAnother makes a drive on another device; the first device has only seen that it exists.
func (s *stacked) fromAnother(film, small []byte) {
	s.t.Helper()
	other := s.another()
	folders := []string{"/a", "/a/b", "/a/b/c", "/many"}
	for i := range 5 {
		folders = append(folders, fmt.Sprintf("/cold%d", i))
	}
	for _, folder := range folders {
		if err := other.space.Mkdir(s.t.Context(), folder, nil); err != nil {
			s.t.Fatal(err)
		}
	}
	for i := range 3000 {
		other.put(fmt.Sprintf("/many/%d", i), nil)
	}
	other.put("/a/film", film)
	other.put("/a/b/c/small", small)
	other.flush()
	for i := range 15 { // each in its own commit, and so in its own pack
		other.put(fmt.Sprintf("/cold%d/%d", i%5, i/5%3), small)
		other.flush()
	}
	other.close()
	s.space.Retry()
	synctest.Wait()
	if _, err := s.space.Stat(s.t.Context(), "/many"); err != nil {
		s.t.Fatal(err)
	}
}
