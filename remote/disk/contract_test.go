package disk_test

import (
	"crypto/rand"
	"testing"
	"time"

	"postern/remote"
	"postern/remote/disk"
	"postern/remote/remotetest"
)

func TestContract(t *testing.T) {
	for name, o := range map[string]disk.Options{"kept open": {}, "two kept open": {OpenFiles: 2},
		"none kept open": {OpenFiles: -1}} {
		o.Letters, o.WatchEvery = 8, time.Millisecond
		t.Run(name, func(t *testing.T) {
			remotetest.RunHandles(t, func(t *testing.T) func() (remote.Store, error) {
				folder := t.TempDir()
				return func() (remote.Store, error) { return disk.Open(folder, o) }
			})
		})
	}
}

// TestEnds checks that a range may end with its blob.
func TestEnds(t *testing.T) {
	if err := remotetest.Ends(t.Context(), open(t, t.TempDir(), disk.Options{}), rand.Reader); err != nil {
		t.Error(err)
	}
}
