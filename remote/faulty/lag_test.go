package faulty_test

import (
	"errors"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
)

// TestLag: a listing that lags is the last whole one that did not, and a look that lags loses no news.
func TestLag(t *testing.T) {
	s, _ := filled(t)
	count := func() (n int) {
		for _, err := range s.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	s.SetPlan(faulty.Always(faulty.Lag))
	if n := count(); n != 0 {
		t.Errorf("%d blobs before any listing", n)
	}
	s.SetPlan(nil)
	whole := count()
	s.SetPlan(faulty.Always(faulty.Lag))
	if _, err := ask(t.Context(), s, faulty.Put); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != whole {
		t.Errorf("%d blobs of %d", n, whole)
	}
	s.SetPlan(nil)
	if n := count(); n != whole+1 {
		t.Errorf("%d blobs of %d", n, whole+1)
	}

	listed := crypto.NewWriterKey([32]byte{7}).SignListed(1, crypto.PointerValue{})
	if err := s.Swap(t.Context(), crypto.PointerHash{}, listed); err != nil {
		t.Fatal(err)
	}
	s.SetPlan(faulty.Script([]faulty.Fault{faulty.Lag}, faulty.Changed))
	news, err := s.Changed(t.Context(), "")
	if err != nil || len(news.Pointers) != 0 {
		t.Errorf("%d pointers, %v", len(news.Pointers), err)
	}
	if news, err = s.Changed(t.Context(), news.Next); err != nil || len(news.Pointers) != 1 {
		t.Errorf("%d pointers, %v", len(news.Pointers), err)
	}
}

// TestThrottle: a throttled call was not done, and says why.
func TestThrottle(t *testing.T) {
	s, inner := filled(t)
	s.SetPlan(faulty.Always(faulty.Throttle))
	_, err := ask(t.Context(), s, faulty.Put)
	if _, ok := errors.AsType[*remote.Throttled](err); !ok || remote.KindOf(err) != remote.ErrUnavailable {
		t.Error(err)
	}
	if _, err := inner.Stat(t.Context(), crypto.NameOf([]byte("new"))); !errors.Is(err, remote.ErrNotFound) {
		t.Errorf("it was done: %v", err)
	}
}
