//go:build unix

package home

import (
	"os"
	"strings"
	"testing"
)

// TestSharedHome: a home that other users can write to is refused, since they could lead the gateway elsewhere by
// links.
func TestSharedHome(t *testing.T) {
	for mode, refused := range map[os.FileMode]bool{0o700: false, 0o755: false, 0o770: true, 0o777: true, 0o702: true} {
		folder := t.TempDir()
		if err := os.Chmod(folder, mode); err != nil {
			t.Fatal(err)
		}
		err := Home(folder).Make()
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), "chmod go-w") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}
