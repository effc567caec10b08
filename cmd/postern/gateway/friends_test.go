package gateway

import (
	"bytes"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"postern/cmd/postern/home"
	"postern/dav"
	"postern/remote"
	"postern/remote/s3/s3test"
)

// TestManyFriends: the root of the drive is listed without any request with 200 friends, of whom 10 can't be read, and
// /shared is listed whole.
func TestManyFriends(t *testing.T) {
	const friends, lost = 200, 10
	var b bucket
	place := s3test.Piped(t, b.around)
	w := &wired{t: t, home: home.Home(filepath.Join(t.TempDir(), "home")), url: place().String()}
	w.open()
	defer w.close()
	w.befriend(friends, lost)
	if err := w.people.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.space.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h, err := dav.New(w.fs, dav.Options{Patience: remote.Shipped.Answer})
	if err != nil {
		t.Fatal(err)
	}
	b.take()
	list := func(path string, want int) {
		t.Helper()
		r, answer := httptest.NewRequestWithContext(t.Context(), "PROPFIND", path, nil), httptest.NewRecorder()
		r.Header.Set("Depth", "1")
		h.ServeHTTP(answer, r)
		if n := bytes.Count(answer.Body.Bytes(), []byte("<D:response>")); n != want {
			t.Errorf("%s: %d entries instead of %d", path, n, want)
		}
	}
	list("/", 5)
	if n := len(b.take()); n > 0 {
		t.Errorf("the root was listed with %d requests", n)
	}
	list("/shared", friends+1)
	if n := len(b.take()); n > 4*friends {
		t.Errorf("%d requests to list all friends", n)
	}
	list("/", 5)
	if n := w.people.Status(); n.Friends != friends || len(n.Unreachable) > lost {
		t.Errorf("the status is %+v", n)
	}
}
