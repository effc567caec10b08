package disk_test

import (
	"testing"

	"github.com/gofrs/flock"
)

// holdLock takes a lock as another process would.
func holdLock(t *testing.T, path string) (release func()) {
	t.Helper()
	lock := flock.New(path)
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := lock.Close(); err != nil {
			t.Error(err)
		}
	}
}
