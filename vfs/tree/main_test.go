package tree_test

import (
	"flag"
	"os"
	"testing"

	"postern/vfs/vfstest"
)

// TestMain runs fewer random checks under the race detector: one goroutine makes the operations of a check, so the
// detector only makes them slow. TestTogether has the readers and writers at once.
func TestMain(m *testing.M) {
	if vfstest.UnderRace {
		if err := flag.Set("rapid.checks", "25"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
