package fsck_test

import (
	"bytes"
	"slices"
	"testing"

	"postern/remote/evil"
	"postern/remote/faulty"
	"postern/vfs/fsck"
	"postern/vfs/gc/gctest"
)

// onlySays are lies about which blobs exist. A check must not believe them.
var onlySays = []evil.Lie{evil.DenyStat, evil.ClaimStat, evil.WrongStat, evil.HideInList, evil.InventList,
	evil.RepeatList, evil.FalseSpace}

// TestEvil checks and repairs while the remote tells each lie. Lies about sizes and lists must not count as damage, and
// must have no lasting effect: once the remote is honest, everything is as before.
func TestEvil(t *testing.T) {
	h := build(t, false)
	inner := h.store.Store
	for _, lie := range evil.Lies() {
		for _, rate := range []float64{0, 0.2} {
			liar := evil.New(inner, evil.Options{Seed: uint64(lie) + 1, Rate: rate})
			o := h.options()
			o.Store, o.ReadData, o.Repair = liar, true, true
			liar.SetLies(lie)
			r, err := fsck.Run(t.Context(), o)
			if slices.Contains(onlySays, lie) && (err != nil || !r.Clean()) {
				t.Errorf("%v: %+v, %v", lie, r, err)
			}
		}
	}
	r := check(t, h.options())
	if !r.Clean() {
		t.Errorf("%+v", r)
	}
}

// TestFaulty checks that a remote that is sometimes unreachable does not count as damaged.
func TestFaulty(t *testing.T) {
	h := build(t, false)
	bad := faulty.New(h.store, nil, faulty.Options{})
	unchecked := 0
	for seed := range uint64(30) {
		bad.SetPlan(faulty.Random(seed, faulty.Rates{faulty.Fail: 0.05, faulty.Lose: 0.05, faulty.Cut: 0.05}))
		o := h.repairing()
		o.Store, o.ReadData = bad, seed%2 == 0
		r, err := fsck.Run(t.Context(), o)
		if err == nil && len(r.Damage) > 0 {
			t.Errorf("seed %d: %+v", seed, r.Damage)
		}
		unchecked += len(r.Unchecked)
	}
	if unchecked == 0 {
		t.Error("nothing was left unchecked, so nothing was proved")
	}
	now := h.fresh(t)
	for path, want := range h.want {
		if b, err := gctest.ReadFile(t.Context(), h.store, now, path); err != nil || !bytes.Equal(b, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
