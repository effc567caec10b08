package s3_test

import (
	"testing"

	"postern/remote"
	"postern/remote/s3"
	"postern/remote/s3/s3test"
)

// TestKilledWhileFounding: what a probe left that was killed does not count as another program's; anything else does.
func TestKilledWhileFounding(t *testing.T) {
	fresh := s3test.Fake(t)
	for name, kind := range map[string]error{
		"probe-0123456789abcdef-3": nil, "probe-letter.txt": remote.ErrForeign, "probe-01-3": remote.ErrForeign,
	} {
		place := fresh()
		left := map[string][]byte{place.Prefix + "/" + name: []byte("x")}
		if err := s3test.Restore(t.Context(), place, left); err != nil {
			t.Fatal(err)
		}
		store, err := s3.Open(t.Context(), place, s3.Options{})
		if remote.KindOf(err) != kind {
			t.Errorf("beside %s: %v, want %v", name, err, kind)
		}
		if err == nil {
			err = store.Close()
		}
		if kind == nil && err != nil {
			t.Error(err)
		}
	}
}
