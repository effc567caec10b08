package remote_test

import (
	"errors"
	"fmt"
	"testing"

	"postern/crypto"
	"postern/remote"
)

func TestOfKind(t *testing.T) {
	caused := remote.Fail(remote.OpGet, crypto.BlobName{}, remote.ErrCorrupt, remote.ErrUnavailable)
	for _, c := range []struct {
		err   error
		kinds []error
		want  bool
	}{
		{caused, []error{remote.ErrCorrupt}, true},
		{caused, []error{remote.ErrNotFound, remote.ErrCorrupt}, true},
		{caused, []error{remote.ErrUnavailable}, false}, // its cause only
		{caused, []error{nil}, false},
		{caused, nil, false},
		{fmt.Errorf("wrapped: %w", caused), []error{remote.ErrCorrupt}, true},
		{nil, []error{nil}, true},
		{errors.New("of no kind"), []error{nil}, true},
	} {
		if got := remote.OfKind(c.err, c.kinds...); got != c.want {
			t.Errorf("%v, %v: %v", c.err, c.kinds, got)
		}
	}
}
