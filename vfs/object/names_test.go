package object_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "…": true, " ": true, "...": true, ".a": true, "a\\b": true, "\n": true, "CON": true,
		strings.Repeat("x", vfs.MaxName): true, strings.Repeat("x", vfs.MaxName+1): false,
		"": false, ".": false, "..": false, "a/b": false, "/": false, "a\x00": false, "\xc3": false, "\xed\xa0\x80": false,
	} {
		if got := object.ValidName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestSortKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		key := object.SortKey(name)
		if key != norm.NFC.String(name) || object.SortKey(key) != key || object.SortKey(norm.NFD.String(name)) != key {
			t.Fatalf("%q has the key %q", name, key)
		}
		if len(key) > 3*len(name) {
			t.Fatalf("%q has a key of %d bytes", name, len(key))
		}
	})
}

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		in   time.Time
		want int64
	}{
		{time.Unix(0, 0), 0}, {time.Unix(-1, 5), -999_999_995}, {time.Unix(1_700_000_000, 123), 1_700_000_000_000_000_123},
		{time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), math.MinInt64},
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), math.MaxInt64},
	} {
		if got := object.Nanos(c.in); got != c.want {
			t.Errorf("%v is %d", c.in, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		ns := rapid.Int64Range(math.MinInt64+2e9, math.MaxInt64-2e9).Draw(t, "ns")
		if got := object.Nanos(object.Time(ns)); got != ns {
			t.Fatalf("%d became %d", ns, got)
		}
	})
}

func TestShape(t *testing.T) {
	const chunk = crypto.ChunkSize
	for _, c := range []struct {
		size  int64
		level uint8
		items int
	}{
		{0, 0, 0}, {1, 0, 1}, {chunk, 0, 1}, {chunk + 1, 0, 2}, {4 * chunk, 0, 4}, {4*chunk + 1, 1, 1}, {128 * chunk, 1, 1},
		{128*chunk + 1, 1, 2}, {512 * chunk, 1, 4}, {512*chunk + 1, 2, 1}, {4 * 128 * 128 * chunk, 2, 4},
		{4*128*128*chunk + 1, 3, 1},
		{object.MaxFileSize, object.MaxContentLevel, object.InlineItems},
	} {
		if level, items := object.Shape(c.size); level != c.level || items != c.items {
			t.Errorf("%d bytes: level %d, %d items; want %d, %d", c.size, level, items, c.level, c.items)
		}
	}
	if level, _ := object.Shape(object.MaxFileSize + 1); level <= object.MaxContentLevel {
		t.Error("a file larger than the largest fits")
	}
}

func TestWithApplied(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []object.Applied
		want := map[object.DeviceID]uint64{}
		for range rapid.IntRange(0, 20).Draw(t, "n") {
			d := object.DeviceID{rapid.Byte().Draw(t, "device") % 8}
			seq := uint64(rapid.Uint32().Draw(t, "seq"))
			before := append([]object.Applied(nil), list...)
			next := object.WithApplied(list, d, seq)
			for i := range before {
				if list[i] != before[i] {
					t.Fatal("the list it was given has changed")
				}
			}
			list, want[d] = next, seq
		}
		c := object.Commit{Applied: list}
		for i := range list {
			if i > 0 && bytes.Compare(list[i-1].Device[:], list[i].Device[:]) >= 0 {
				t.Fatalf("out of order: %v", list)
			}
		}
		for d := range byte(8) {
			if got := c.AppliedTo(object.DeviceID{d}); got != want[object.DeviceID{d}] {
				t.Fatalf("device %d: %d, want %d", d, got, want[object.DeviceID{d}])
			}
		}
		if len(list) != len(want) {
			t.Fatalf("%d devices, want %d", len(list), len(want))
		}
		// A later run of a device replaces the earlier one.
		if len(list) == 0 {
			return
		}
		old := rapid.SampledFrom(list).Draw(t, "old")
		run := old.Device.At([8]byte{rapid.Byte().Draw(t, "run") | 1})
		c.Applied = object.WithApplied(list, run, 9)
		if len(c.Applied) != len(list) || c.AppliedTo(run) != 9 || c.AppliedTo(old.Device) != 0 ||
			c.Latest(old.Device) != (object.Applied{Device: run, Seq: 9}) {
			t.Fatalf("after a run of %v there are %v", old, c.Applied)
		}
	})
}
