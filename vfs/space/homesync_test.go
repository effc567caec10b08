package space_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"postern/remote/mem"
)

// TestFailedSyncOfTheHome: what notes the newest commit in the home can't be synced. Changes are answered and reach the remote all the
// same, and after a power loss they are there: the journal keeps what was not noted.
func TestFailedSyncOfTheHome(t *testing.T) {
	ill := errors.New("the disk is ill")
	for name, failing := range map[string]string{"file": "/home/base.tmp", "folder": "/home"} {
		t.Run(name, func(t *testing.T) {
			v := serve(t, mem.New(), -1)
			put(t, v.space, "/a", []byte("a"))
			flush(t, v.space)
			syncs := 0
			v.disk.FailSyncsOf(func(path string) error {
				if path == failing {
					syncs++
					return ill
				}
				return nil
			})
			put(t, v.space, "/small", []byte("small"))
			put(t, v.space, "/large", []byte(strings.Repeat("large", 1<<19)))
			if err := v.space.Remove(t.Context(), "/a", nil); err != nil {
				t.Fatal(err)
			}
			flush(t, v.space)
			if kept := v.space.Status().StagedBytes; kept < 2<<20 {
				t.Errorf("nothing notes the commit, and only %d staged bytes are kept", kept)
			}
			if err := v.space.Mkdir(t.Context(), "/pending", nil); err != nil {
				t.Fatal(err)
			}
			before, was := v.view(), v.disk
			_ = v.space.Close()
			if syncs == 0 {
				t.Fatal("no sync failed")
			}
			for seed := range uint64(5) {
				v.disk = was.PowerLoss(rand.New(rand.NewPCG(seed, 5)))
				v.options.FS = v.disk
				v.start(-1)
				if now := v.view(); now != before {
					t.Errorf("after a power loss it is\n%swas\n%s", now, before)
				}
				flush(t, v.space)
				v.close(v.space)
			}
		})
	}
}
