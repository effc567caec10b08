package s3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/s3"
	"postern/remote/s3/s3test"
)

// fakeBehind is fake with a server in front.
func fakeBehind(t *testing.T) (*s3test.Front, s3.Place) {
	t.Helper()
	return s3test.Before(t, s3test.Fake(t)())
}

// opened opens a handle, and closes it with the test.
func opened(t *testing.T, p s3.Place, o s3.Options) *s3.Store {
	t.Helper()
	s, err := s3.Open(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// calls are all calls of a store, on things that are there.
func calls(t *testing.T, s *s3.Store) map[string]func(context.Context) error {
	t.Helper()
	ctx := t.Context()
	data := []byte(strings.Repeat("sealed ", 1000))
	name := crypto.NameOf(data)
	key := crypto.NewWriterKey([crypto.KeySize]byte{1})
	first, second := key.SignListed(1, crypto.PointerValue{1}), key.SignListed(2, crypto.PointerValue{2})
	if err := errors.Join(s.Put(ctx, name, remote.BytesBody(data)), s.Swap(ctx, crypto.PointerHash{}, first)); err != nil {
		t.Fatal(err)
	}
	return map[string]func(context.Context) error{
		"put":   func(ctx context.Context) error { return s.Put(ctx, name, remote.BytesBody(data)) },
		"get":   func(ctx context.Context) error { _, err := s.Get(ctx, name); return err },
		"range": func(ctx context.Context) error { return s.GetRange(ctx, name, 10, make([]byte, 100)) },
		"stat":  func(ctx context.Context) error { _, err := s.Stat(ctx, name); return err },
		"list": func(ctx context.Context) error {
			for _, err := range s.List(ctx) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"delete":  func(ctx context.Context) error { return s.Delete(ctx, crypto.BlobName{7}) },
		"load":    func(ctx context.Context) error { _, err := s.Load(ctx, first.ID); return err },
		"swap":    func(ctx context.Context) error { return s.Swap(ctx, first.Hash(), second) },
		"changed": func(ctx context.Context) error { _, err := s.Changed(ctx, ""); return err },
		"letters": func(ctx context.Context) error { _, err := s.Letters(ctx, crypto.InboxID{1}); return err },
		"fetch": func(ctx context.Context) error {
			_, err := s.Fetch(ctx, crypto.InboxID{1}, crypto.LetterName{1})
			return err
		},
		"forget":  func(ctx context.Context) error { return s.Forget(ctx, crypto.InboxID{1}, crypto.LetterName{1}) },
		"look up": func(ctx context.Context) error { _, err := s.LookUp(ctx, crypto.NameID{1}); return err },
	}
}

// TestForeignReplies: what no store sends is an unreachable remote, and never an empty one, whichever call it answers.
func TestForeignReplies(t *testing.T) {
	page := "<html><body>Welcome to our hotel. Please log in.</body></html>"
	replies := map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"a captive portal": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, page)
			return true
		},
		"a captive portal with an ETag": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("ETag", `"5d282c1061732b0ce9bbed1106e897a8"`)
			_, _ = io.WriteString(w, page)
			return true
		},
		"a redirection to a portal": func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "http://portal.invalid/", http.StatusFound)
			return true
		},
		"a proxy without the store": func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, page, http.StatusNotFound)
			return true
		},
		"no content": func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodDelete { // which is the right reply to it
				w.WriteHeader(http.StatusOK)
				return true
			}
			w.WriteHeader(http.StatusNoContent)
			return true
		},
		"too many requests, in HTML": func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, page, http.StatusTooManyRequests)
			return true
		},
		"a connection that breaks": func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
	}
	front, place := fakeBehind(t)
	s := opened(t, place, s3.Options{})
	for call, do := range calls(t, s) {
		for reply, instead := range replies {
			front.Set(instead)
			if err := do(t.Context()); remote.KindOf(err) != remote.ErrUnavailable {
				t.Errorf("%s, answered by %s: %v", call, reply, err)
			}
		}
		front.Set(nil)
	}
	front.Set(replies["a captive portal"])
	if other, err := s3.Open(t.Context(), place, s3.Options{}); remote.KindOf(err) != remote.ErrUnavailable {
		t.Errorf("open, answered by a captive portal: %v, %v", other, err)
	}
}

// TestStoreErrors: each error of a store that a user can mend is one sentence that says how.
func TestStoreErrors(t *testing.T) {
	front, place := fakeBehind(t)
	s := opened(t, place, s3.Options{})
	do := calls(t, s)
	for code, c := range map[string]struct {
		status     int
		open, load error // kinds
		says       string
	}{
		"InvalidAccessKeyId":   {403, remote.ErrRefused, remote.ErrUnavailable, "AWS_ACCESS_KEY_ID"},
		"AccessDenied":         {403, remote.ErrRefused, remote.ErrUnavailable, "no right"},
		"ExpiredToken":         {400, remote.ErrRefused, remote.ErrUnavailable, "log in again"},
		"NoSuchBucket":         {404, remote.ErrRefused, remote.ErrUnavailable, "no such bucket"},
		"RequestTimeTooSkewed": {403, remote.ErrRefused, remote.ErrUnavailable, "clock"},
		"SlowDown":             {503, remote.ErrUnavailable, remote.ErrUnavailable, "SlowDown"},
		"InternalError":        {500, remote.ErrUnavailable, remote.ErrUnavailable, "InternalError"},
		"InvalidObjectState":   {403, remote.ErrRefused, remote.ErrRefused, "archive"},
		"NoSuchKey":            {404, nil, remote.ErrNotFound, ""},
	} {
		front.Set(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "postern-store") && !strings.Contains(r.URL.Path, "pointers") {
				return false
			}
			w.WriteHeader(c.status)
			_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>why</Message></Error>", code)
			return true
		})
		err := do["load"](t.Context())
		if remote.KindOf(err) != c.load || !strings.Contains(err.Error(), c.says) {
			t.Errorf("load, answered by %s: %v", code, err)
		}
		if c.open == nil {
			continue
		}
		_, err = s3.Open(t.Context(), place, s3.Options{Existing: true})
		if remote.KindOf(err) != c.open || !strings.Contains(err.Error(), c.says) {
			t.Errorf("open, answered by %s: %v", code, err)
		}
	}
}

// TestRefusedStore: a store that ignores conditions is refused before anything is kept there.
func TestRefusedStore(t *testing.T) {
	for _, header := range []string{"If-Match", "If-None-Match"} {
		front, place := fakeBehind(t)
		front.Set(func(_ http.ResponseWriter, r *http.Request) bool { r.Header.Del(header); return false })
		_, err := s3.Open(t.Context(), place, s3.Options{})
		if remote.KindOf(err) != remote.ErrRefused || !strings.Contains(err.Error(), "conditional writes") {
			t.Errorf("a store that ignores %s: %v", header, err)
		}
		front.Set(nil)
		if _, err := s3.Open(t.Context(), place, s3.Options{Existing: true}); !errors.Is(err, s3.ErrNoStore) {
			t.Errorf("a store that ignores %s was founded: %v", header, err)
		}
	}
}

// TestRequests counts the requests of calls that are made often.
func TestRequests(t *testing.T) {
	front, place := fakeBehind(t)
	s := opened(t, place, s3.Options{})
	ctx := t.Context()
	key := crypto.NewWriterKey([crypto.KeySize]byte{1})
	one, two := key.SignListed(1, crypto.PointerValue{1}), key.SignListed(2, crypto.PointerValue{2})
	if err := s.Swap(ctx, crypto.PointerHash{}, one); err != nil {
		t.Fatal(err)
	}
	at, err := s.Changed(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	count := func(what string, want int, do func() error) {
		t.Helper()
		front.Set(nil)
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if seen := front.Seen(); len(seen) > want {
			t.Errorf("%s takes %d requests, want %d: %q", what, len(seen), want, seen)
		}
	}
	count("a swap from a known state", 1, func() error { return s.Swap(ctx, one.Hash(), two) })
	count("a warm check for changes", 1, func() (err error) { at, err = s.Changed(ctx, at.Next); return err })
	count("an idle check for changes", 1, func() (err error) { at, err = s.Changed(ctx, at.Next); return err })

	// Deletions that come while one is under way share a request.
	var blocked atomic.Bool
	entered, release := make(chan struct{}), make(chan struct{})
	front.Set(func(_ http.ResponseWriter, r *http.Request) bool {
		if !blocked.Swap(true) {
			close(entered)
			<-release
		}
		return false
	})
	var all sync.WaitGroup
	remove := func(i byte) {
		all.Go(func() {
			if err := s.Delete(ctx, crypto.BlobName{i}); err != nil {
				t.Error(err)
			}
		})
	}
	remove(0)
	<-entered
	for i := range byte(100) {
		remove(i + 1)
	}
	s.AwaitDeletions(100)
	close(release)
	all.Wait()
	if seen := front.Seen(); len(seen) != 2 {
		t.Errorf("101 deletions took %d requests, want 2", len(seen))
	}
}
