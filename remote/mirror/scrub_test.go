package mirror_test

import (
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/mem"
	"postern/remote/mirror"
)

// spoil replaces a blob by other bytes of the same length.
func spoil(t testing.TB, s remote.Store, name crypto.BlobName) {
	t.Helper()
	data, err := s.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := s.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), name, remote.BytesBody(data)); err != nil {
		t.Fatal(err)
	}
}

// TestScrub damages each member in another way: blobs that other members have are healed, and lost ones are reported.
func TestScrub(t *testing.T) {
	first, second, third := mem.New(), mem.New(), mem.New()
	away := faulty.New(third, nil, faulty.Options{})
	s := join(t, eager, first, second, away)
	names := put(t, s, numbers(12)...)
	settle(t, s)
	spoil(t, first, names[0])
	spoil(t, second, names[1])
	if err := second.Delete(t.Context(), names[2]); err != nil {
		t.Fatal(err)
	}
	for _, store := range []remote.Store{first, second, third} {
		spoil(t, store, names[3])
	}
	look := func(o mirror.Scrubbing) [3]mirror.Scrubbed {
		t.Helper()
		found, err := s.Scrub(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return [3]mirror.Scrubbed(found)
	}
	if got := look(mirror.Scrubbing{}); got[0].Damaged+got[1].Damaged != 0 || got[1].Missing != 1 || got[2].Missing != 0 {
		t.Errorf("by the lists: %+v", got)
	}
	for _, heal := range []bool{false, true} {
		told := int64(0)
		got := look(mirror.Scrubbing{Read: true, Heal: heal, Progress: func(blobs, _ int64) { told = blobs }})
		if got[0].Damaged != 2 || got[1].Damaged != 2 || got[1].Missing != 1 || got[2].Damaged != 1 || told != 12+11+12 {
			t.Errorf("%+v, told of %d", got, told)
		}
		if healed := [3]int64{got[0].Healed, got[1].Healed, got[2].Healed}; heal && healed != [3]int64{1, 2, 0} ||
			!heal && healed != [3]int64{} {
			t.Errorf("healed: %v", healed)
		}
	}
	for _, store := range []remote.Store{first, second} {
		if err := store.Delete(t.Context(), names[3]); err != nil {
			t.Fatal(err)
		}
		if n := len(contents(t, store)); n != 11 {
			t.Errorf("%d blobs are well", n)
		}
	}
	away.SetPlan(faulty.Always(faulty.Fail))
	if got := look(mirror.Scrubbing{Read: true}); got[2].Err == nil || got[1].Err != nil {
		t.Errorf("a member that is away: %+v", got)
	}
}
