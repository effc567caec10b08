package s3_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/s3"
)

// TestThrottled: a store that asks for fewer requests is not unreachable, whether its own words or only the status of a
// page say so.
func TestThrottled(t *testing.T) {
	front, place := fakeBehind(t)
	s := opened(t, place, s3.Options{})
	all := calls(t, s)
	for reply, c := range map[string]struct {
		status    int
		body      string
		throttled bool
	}{
		"a page":      {429, "<html><body>Too many requests</body></html>", true},
		"nothing":     {429, "", true},
		"SlowDown":    {503, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>", true},
		"overloaded":  {503, "<Error><Code>ServiceUnavailable</Code><Message>no disk</Message></Error>", false},
		"a proxy":     {503, "<html><body>no backend</body></html>", false},
		"bad gateway": {502, "", false},
	} {
		front.Set(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
			return true
		})
		for call, do := range all {
			err := do(t.Context())
			why, throttled := errors.AsType[*remote.Throttled](err)
			if remote.KindOf(err) != remote.ErrUnavailable || throttled != c.throttled ||
				throttled && why.After != 7*time.Second {
				t.Errorf("%s, answered by %s: %v (throttled: %t)", call, reply, err, throttled)
			}
		}
	}
}

// TestSpacing: a store that takes one write a second of each object refuses few, since the next ones wait.
func TestSpacing(t *testing.T) {
	front, place := fakeBehind(t)
	now := time.Unix(1e9, 0) // all calls are made one after the other
	s := opened(t, place, s3.Options{Now: func() time.Time { return now },
		Sleep: func(_ context.Context, d time.Duration) error { now = now.Add(d); return nil }})
	last, refused := map[string]time.Time{}, 0
	front.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		if now.Sub(last[r.URL.Path]) < time.Second {
			refused++
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		last[r.URL.Path] = now
		return false
	})
	key, old := crypto.NewWriterKey([crypto.KeySize]byte{1}), crypto.PointerHash{}
	began := now
	for seq := range uint64(100) {
		next := key.Sign(seq+1, crypto.PointerValue{byte(seq)})
		err := s.Swap(t.Context(), old, next)
		for ; remote.KindOf(err) == remote.ErrUnavailable; err = s.Swap(t.Context(), old, next) {
			now = now.Add(100 * time.Millisecond) // an impatient caller
		}
		if err != nil {
			t.Fatal(err)
		}
		old = next.Hash()
	}
	if took := now.Sub(began); refused > 20 || took > 4*time.Minute {
		t.Errorf("100 swaps took %v and were refused %d times", took, refused)
	}
	front.Set(nil)
	fast := 0
	for seq := range uint64(200) {
		next, before := key.Sign(seq+101, crypto.PointerValue{byte(seq)}), now
		if err := s.Swap(t.Context(), old, next); err != nil {
			t.Fatal(err)
		}
		if old = next.Hash(); now.Equal(before) {
			fast++
		}
	}
	if fast < 100 {
		t.Errorf("only %d of 200 swaps did not wait, though the store refuses none", fast)
	}
}

// TestDeletesOneByOne: where a store can't delete several objects with one request, each has one of its own.
func TestDeletesOneByOne(t *testing.T) {
	for code, status := range map[string]int{"NotImplemented": 501, "InvalidRequest": 400, "MissingContentMD5": 400} {
		front, place := fakeBehind(t)
		s := opened(t, place, s3.Options{})
		var names []crypto.BlobName
		for i := range byte(50) {
			data := []byte{i}
			names = append(names, crypto.NameOf(data))
			if err := s.Put(t.Context(), names[i], remote.BytesBody(data)); err != nil {
				t.Fatal(err)
			}
		}
		front.Set(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost {
				return false
			}
			if r.Header.Get("Content-MD5") == "" {
				t.Error("a request to delete several objects has no MD5")
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code></Error>")
			return true
		})
		resume := s.HoldDeletions()
		var all sync.WaitGroup
		for _, name := range names {
			all.Go(func() {
				if err := s.Delete(t.Context(), name); err != nil {
					t.Error(err)
				}
			})
		}
		s.AwaitDeletions(len(names))
		resume()
		all.Wait()
		for _, err := range s.List(t.Context()) {
			t.Errorf("%s: a blob is left: %v", code, err)
		}
		posts := 0
		for _, r := range front.Seen() {
			if strings.HasPrefix(r, http.MethodPost) {
				posts++
			}
		}
		if posts != 1 {
			t.Errorf("%s: %d requests to delete several objects", code, posts)
		}
	}
}
