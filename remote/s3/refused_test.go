package s3_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/remote"
	"postern/remote/s3"
	"postern/remote/s3/s3test"
)

// refused reports whether no drive can be made at a place because its store does not keep to conditional writes.
func refused(t *testing.T, p s3.Place) bool {
	t.Helper()
	_, err := s3.Open(t.Context(), p, s3.Options{})
	if err != nil && (remote.KindOf(err) != remote.ErrRefused || !strings.Contains(err.Error(), "conditional writes")) {
		t.Errorf("refused for another reason: %v", err)
	}
	return err != nil
}

// TestRefusedPrograms: no drive is made in a store that ignores conditions. One that lets two writers win only when
// chance lets their writes overlap is found out soon.
func TestRefusedPrograms(t *testing.T) {
	t.Run("rclone serve s3", func(t *testing.T) {
		if fresh := s3test.Rclone(t); !refused(t, fresh()) {
			t.Error("it is not refused")
		}
	})
	t.Run("two versitygw, no locks", func(t *testing.T) {
		fresh := s3test.Racy(t)
		for range 20 { // on a busy machine a trial may miss it
			if refused(t, fresh()) {
				return
			}
		}
		t.Error("it is never refused")
	})
}

// TestRacyStore: a store is refused that looks at each write's condition, and then writes whatever others have done
// meanwhile.
func TestRacyStore(t *testing.T) {
	front, p := s3test.Before(t, s3test.Fake(t)())
	looked := make(chan struct{})
	front.Set(func(w http.ResponseWriter, r *http.Request) bool {
		match, none := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
		if r.Method != http.MethodPut || match == "" && none == "" {
			return false
		}
		now := front.ETag(r)
		if match != "" && now != match || none != "" && now != "" {
			return false // the store refuses it
		}
		select { // until another has looked
		case looked <- struct{}{}:
		case <-looked:
		case <-time.After(time.Second): // there is none
		}
		r.Header.Del("If-Match")
		r.Header.Del("If-None-Match")
		return false
	})
	if !refused(t, p) {
		t.Error("it is not refused")
	}
}
