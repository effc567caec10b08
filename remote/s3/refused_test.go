package s3_test

import (
	"strings"
	"testing"

	"postern/remote"
	"postern/remote/s3"
	"postern/remote/s3/s3test"
)

// TestRefusedPrograms: no drive is made in a store that lets two writers win: always, or only now and then when they
// write at the same moment.
func TestRefusedPrograms(t *testing.T) {
	for name, c := range map[string]struct {
		start func(testing.TB) func() s3.Place
		times int
	}{
		"rclone serve s3":         {s3test.Rclone, 1},
		"two versitygw, no locks": {s3test.Racy, 5},
	} {
		t.Run(name, func(t *testing.T) {
			fresh := c.start(t)
			for range c.times {
				_, err := s3.Open(t.Context(), fresh(), s3.Options{})
				if remote.KindOf(err) != remote.ErrRefused || !strings.Contains(err.Error(), "conditional writes") {
					t.Errorf("it is not refused: %v", err)
				}
			}
		})
	}
}
