package cachetest

import (
	"testing"

	"postern/cache/tier"
)

func TestMap(t *testing.T) {
	Run(t, func(*testing.T) tier.Tier { return NewMap() })
}
