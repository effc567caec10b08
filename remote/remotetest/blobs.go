package remotetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"postern/crypto"
	"postern/remote"
)

var blobChecks = []Check{
	{Name: "blob/round trip", Promise: "a blob that was put can be read, whole and in ranges, and has its size", Do: roundTrip},
	{Name: "blob/ranges", Promise: "any range within a blob can be read, and none beyond it", Do: ranges},
	{Name: "blob/ends", Promise: "a range up to the end of a blob ends there, or fails as any beyond it", Do: mayEnd},
	{Name: "blob/missing", Promise: "a blob that was never put is not found", Do: missing},
	{Name: "blob/put again", Promise: "putting an existing blob succeeds and changes nothing", Do: putAgain},
	{Name: "blob/delete", Promise: "a deleted blob is gone, and can be deleted again and put again", Do: deleted},
	{Name: "blob/ownership", Promise: "slices passed to or returned by a call belong to the caller", Do: ownership},
	{Name: "blob/too large", Promise: "a blob above the maximum size is refused", Do: tooLarge},
	{Name: "space", Promise: "figures are bytes, or -1 where unknown", Do: space},
}

// sizes are those of a few blobs: padded ones, the largest, and some that only a careless driver gets wrong.
var sizes = []int{1, 511, crypto.MinBlobSize, crypto.MinBlobSize + 1, 1 << 16, 1<<20 + 7, crypto.MaxBlobSize}

func roundTrip(ctx context.Context, e *Env) error {
	for _, size := range sizes {
		name, data, err := e.stored(ctx, size)
		if err != nil {
			return fmt.Errorf("put %d bytes: %w", size, err)
		}
		if err := holds(ctx, e.Store, name, data); err != nil {
			return fmt.Errorf("%d bytes: %w", size, err)
		}
	}
	return nil
}

// holds returns an error unless all calls show that a store has a blob.
func holds(ctx context.Context, s remote.Store, name crypto.BlobName, data []byte) error {
	got, err := s.Get(ctx, name)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, data) {
		return fmt.Errorf("get returned %d other bytes than the %d that were put", len(got), len(data))
	}
	size, err := s.Stat(ctx, name)
	if err != nil {
		return err
	}
	if size != int64(len(data)) {
		return fmt.Errorf("stat says %d of %d bytes", size, len(data))
	}
	part := make([]byte, (len(data)+1)/2)
	off := len(data) - len(part)
	if err := s.GetRange(ctx, name, int64(off), part); err != nil {
		return err
	}
	if !bytes.Equal(part, data[off:]) {
		return fmt.Errorf("the last %d bytes are others than were put", len(part))
	}
	return nil
}

// lacks returns an error unless all calls but List show that a store lacks a blob.
func lacks(ctx context.Context, s remote.Store, name crypto.BlobName) error {
	_, getErr := s.Get(ctx, name)
	_, statErr := s.Stat(ctx, name)
	return first(
		want("get of what isn't there", getErr, remote.ErrNotFound),
		want("stat of what isn't there", statErr, remote.ErrNotFound),
		want("get of a range of what isn't there", s.GetRange(ctx, name, 0, make([]byte, 16)), remote.ErrNotFound),
	)
}

func ranges(ctx context.Context, e *Env) error {
	const size = 300_001
	name, data, err := e.stored(ctx, size)
	if err != nil {
		return err
	}
	numbers := e.numbers()
	cases := [][2]int{{0, 0}, {0, 1}, {0, size}, {size - 1, 1}, {size, 0}, {size / 2, 0}, {1, size - 1}}
	for range 40 {
		off := numbers.IntN(size)
		cases = append(cases, [2]int{off, numbers.IntN(size - off + 1)})
	}
	for _, c := range cases {
		off, n := c[0], c[1]
		room := bytes.Repeat([]byte{0xA5}, n+16) // the bytes after p must not change
		p := room[:n]
		if err := e.Store.GetRange(ctx, name, int64(off), p); err != nil {
			return fmt.Errorf("%d bytes from %d on: %w", n, off, err)
		}
		if !bytes.Equal(p, data[off:off+n]) {
			return fmt.Errorf("%d bytes from %d on are others than were put", n, off)
		}
		if !bytes.Equal(room[n:], bytes.Repeat([]byte{0xA5}, 16)) {
			return fmt.Errorf("%d bytes from %d on were written past the end of the slice", n, off)
		}
	}
	for _, c := range [][2]int64{{0, size + 1}, {size, 1}, {size - 10, 11}, {size + 1, 1}, {1 << 40, 16},
		{1<<63 - 1, 64}} {
		what := fmt.Sprintf("a range of %d bytes from %d on, of %d", c[1], c[0], size)
		if err := want(what, e.Store.GetRange(ctx, name, c[0], make([]byte, c[1])), remote.ErrCorrupt); err != nil {
			return err
		}
	}
	if err := e.Store.GetRange(ctx, name, -1, make([]byte, 4)); err == nil {
		return fmt.Errorf("a range from -1 on succeeds")
	}
	return nil
}

// mayEnd checks a store that may leave the mark of UpTo unheeded.
func mayEnd(ctx context.Context, e *Env) error { return ends(ctx, e, false) }

// Ends returns an error unless a store heeds the mark of remote.UpTo, as every driver does.
func Ends(ctx context.Context, s remote.Store, rand io.Reader) error {
	return ends(ctx, &Env{Store: s, Rand: rand}, true)
}

func ends(ctx context.Context, e *Env, heeds bool) error {
	const size = 70_001
	name, data, err := e.stored(ctx, size)
	if err != nil {
		return err
	}
	for _, c := range []struct{ off, n, least, size int }{
		{0, size, 1, 0}, {0, size + 1, size, size}, {size - 10, 5000, 1, size}, {size - 10, 5000, 10, size},
		{size - 10, 10, 10, 0}, {100, 200_000, 0, size},
	} {
		upTo, end := remote.UpTo(ctx, c.least)
		p := make([]byte, c.n)
		err := e.Store.GetRange(upTo, name, int64(c.off), p)
		if err != nil && (heeds || c.size == 0 || !errors.Is(remote.KindOf(err), remote.ErrCorrupt)) {
			return fmt.Errorf("up to %d bytes from %d on, of %d: %w", c.n, c.off, size, err)
		}
		have := data[c.off:min(c.off+c.n, size)]
		if err == nil && (end.Size() != int64(c.size) || !bytes.Equal(p[:len(have)], have)) {
			return fmt.Errorf("up to %d bytes from %d on are others than were put, or end at %d", c.n, c.off, end.Size())
		}
	}
	for _, c := range [][3]int{{size - 10, 5000, 11}, {size, 1, 1}, {size, 1, 0}, {size + 1, 1, 1}} {
		upTo, _ := remote.UpTo(ctx, c[2])
		what := fmt.Sprintf("a range up to %d bytes from %d on, of %d, with at least %d", c[1], c[0], size, c[2])
		if err := want(what, e.Store.GetRange(upTo, name, int64(c[0]), make([]byte, c[1])), remote.ErrCorrupt); err != nil {
			return err
		}
	}
	return nil
}

func missing(ctx context.Context, e *Env) error {
	name, _ := e.blob(64)
	return first(lacks(ctx, e.Store, name), lacks(ctx, e.Store, crypto.BlobName{}))
}

func putAgain(ctx context.Context, e *Env) error {
	name, data, err := e.stored(ctx, 5000)
	if err != nil {
		return err
	}
	for range 3 {
		if err := e.Store.Put(ctx, name, remote.BytesBody(data)); err != nil {
			return fmt.Errorf("once more: %w", err)
		}
	}
	return holds(ctx, e.Store, name, data)
}

func deleted(ctx context.Context, e *Env) error {
	name, data, err := e.stored(ctx, 5000)
	if err != nil {
		return err
	}
	other, otherData, err := e.stored(ctx, 5000)
	if err != nil {
		return err
	}
	for range 2 { // deleting what is not there succeeds, and a blob may come back
		if err := holds(ctx, e.Store, name, data); err != nil {
			return err
		}
		for range 2 {
			if err := e.Store.Delete(ctx, name); err != nil {
				return fmt.Errorf("delete: %w", err)
			}
			if err := lacks(ctx, e.Store, name); err != nil {
				return err
			}
		}
		if err := e.Store.Put(ctx, name, remote.BytesBody(data)); err != nil {
			return fmt.Errorf("put after delete: %w", err)
		}
	}
	return first(holds(ctx, e.Store, name, data), holds(ctx, e.Store, other, otherData))
}

func ownership(ctx context.Context, e *Env) error {
	name, data := e.blob(10_000)
	given := bytes.Clone(data)
	if err := e.Store.Put(ctx, name, remote.BytesBody(given)); err != nil {
		return err
	}
	clear(given)
	got, err := e.Store.Get(ctx, name)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, data) {
		return fmt.Errorf("the store kept the caller's slice instead of its bytes")
	}
	clear(got)
	return holds(ctx, e.Store, name, data)
}

func tooLarge(ctx context.Context, e *Env) error {
	name, data := e.blob(crypto.MaxBlobSize + 1)
	return first(
		want("a blob of one byte too many", e.Store.Put(ctx, name, remote.BytesBody(data)), remote.ErrRefused),
		lacks(ctx, e.Store, name),
	)
}

func space(ctx context.Context, e *Env) error {
	got, err := e.Store.Space(ctx)
	if err != nil {
		return err
	}
	if got.Used < -1 || got.Free < -1 {
		return fmt.Errorf("used %d, free %d", got.Used, got.Free)
	}
	return nil
}
