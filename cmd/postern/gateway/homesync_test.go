package gateway_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"postern/remote/mem"
)

// TestFailedSyncOfTheHome: the record of the newest commit in the home can't be synced. Changes are still answered and
// reach the remote, and survive a power loss: the journal keeps them.
func TestFailedSyncOfTheHome(t *testing.T) {
	ill := errors.New("the disk is ill")
	for name, failing := range map[string]string{"file": "/home/base.tmp", "folder": "/home"} {
		t.Run(name, func(t *testing.T) {
			v := newServed(t, mem.New())
			v.start(-1)
			v.must("PUT", "/files/a", "a")
			v.flush()
			syncs := 0
			v.disk.FailSyncsOf(func(path string) error {
				if path == failing {
					syncs++
					return ill
				}
				return nil
			})
			v.must("PUT", "/files/small", "small")
			v.must("PUT", "/files/large", strings.Repeat("large", 1<<19))
			v.must("DELETE", "/files/a", "")
			v.flush()
			if kept := v.space.Status().StagedBytes; kept < 2<<20 {
				t.Errorf("nothing notes the commit, and only %d staged bytes are kept", kept)
			}
			v.must("MKCOL", "/files/pending", "")
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
				v.flush()
				v.close()
			}
		})
	}
}
