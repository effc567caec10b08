package blockfile

import (
	"testing"

	"postern/cache/cachetest"
	"postern/cache/tier"
)

func TestContract(t *testing.T) {
	cachetest.Run(t, func(t *testing.T) tier.Tier { return opened(t, t.TempDir(), Options{}) })
}
