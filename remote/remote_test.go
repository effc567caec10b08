package remote_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"postern/crypto"
	"postern/remote"
)

// name is the name of some blob.
var name = crypto.NameOf([]byte("sealed"))

func TestErrors(t *testing.T) {
	cause := errors.New("connection refused")
	err := remote.Fail(remote.OpGet, name, remote.ErrUnavailable, cause)
	if want := "get blob " + name.String() + ": not reachable: connection refused"; err.Error() != want {
		t.Errorf("%q instead of %q", err, want)
	}
	if !errors.Is(err, remote.ErrUnavailable) || !errors.Is(err, cause) || errors.Is(err, remote.ErrNotFound) {
		t.Error("it is not of its kind and cause alone")
	}
	if got := remote.Fail(remote.OpGet, name, remote.ErrNotFound, nil).Error(); strings.HasSuffix(got, ": ") ||
		!strings.HasSuffix(got, "not found") {
		t.Errorf("without a cause: %q", got)
	}
}

func TestKindOf(t *testing.T) {
	inner := remote.Fail(remote.OpGet, name, remote.ErrNotFound, nil)
	for _, c := range []struct {
		err  error
		kind error
	}{
		{nil, nil},
		{io.EOF, nil},
		{remote.ErrFull, remote.ErrFull},
		{fmt.Errorf("wrapped: %w", remote.ErrFork), remote.ErrFork},
		{inner, remote.ErrNotFound},
		{fmt.Errorf("wrapped: %w", inner), remote.ErrNotFound},
		{remote.Fail(remote.OpLoad, name, remote.ErrRollback, inner), remote.ErrRollback}, // the outer one decides
		{remote.Fail(remote.OpLoad, name, remote.ErrClosed, nil), remote.ErrClosed},
		{remote.Fail(remote.OpLoad, name, remote.ErrForeign, nil), remote.ErrForeign},
	} {
		if got := remote.KindOf(c.err); got != c.kind {
			t.Errorf("%v is of kind %v instead of %v", c.err, got, c.kind)
		}
	}
}

func TestAlive(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	if err := remote.Alive(ctx, remote.OpGet, name); err != nil {
		t.Error(err)
	}
	cancel()
	if err := remote.Alive(ctx, remote.OpGet, name); remote.KindOf(err) != remote.ErrUnavailable ||
		!errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestPastCaches(t *testing.T) {
	if remote.IsPastCaches(t.Context()) {
		t.Error("an ordinary context goes past caches")
	}
	if !remote.IsPastCaches(remote.PastCaches(t.Context())) {
		t.Error("a marked context does not go past caches")
	}
}

func TestBytesBody(t *testing.T) {
	body := remote.BytesBody("sealed")
	for range 3 { // it may be opened many times, even at the same time
		a, errA := body.Open()
		b, errB := body.Open()
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		gotA, errA := io.ReadAll(a)
		gotB, errB := io.ReadAll(b)
		if string(gotA) != "sealed" || string(gotB) != "sealed" || errA != nil || errB != nil || body.Size() != 6 {
			t.Errorf("%q, %v, %q, %v", gotA, errA, gotB, errB)
		}
		if err := errors.Join(a.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	}
}

// odd is a body with a wrong size.
type odd struct {
	size int64
	r    io.Reader
	err  error
}

func (o odd) Size() int64                  { return o.size }
func (o odd) Open() (io.ReadCloser, error) { return io.NopCloser(o.r), o.err }

func TestReadBody(t *testing.T) {
	broken := errors.New("broken")
	if got, err := remote.ReadBody(remote.BytesBody("sealed")); string(got) != "sealed" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := remote.ReadBody(remote.BytesBody(nil)); len(got) != 0 || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for what, c := range map[string]struct {
		body odd
		kind error
	}{
		"short":        {odd{size: 10, r: strings.NewReader("sealed")}, remote.ErrCorrupt},
		"none":         {odd{size: 10, r: strings.NewReader("")}, remote.ErrCorrupt},
		"long":         {odd{size: 3, r: strings.NewReader("sealed")}, remote.ErrCorrupt},
		"below zero":   {odd{size: -1, r: strings.NewReader("")}, remote.ErrRefused},
		"too large":    {odd{size: math.MaxInt64, r: strings.NewReader("")}, remote.ErrRefused},
		"unreadable":   {odd{size: 10, r: io.MultiReader(strings.NewReader("abc"), errReader{broken})}, broken},
		"bad at end":   {odd{size: 3, r: io.MultiReader(strings.NewReader("abc"), errReader{broken})}, broken},
		"not openable": {odd{size: 3, err: broken}, broken},
	} {
		if _, err := remote.ReadBody(c.body); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v, it should be %v", what, err, c.kind)
		}
	}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

func TestSizes(t *testing.T) {
	for size, ok := range map[int64]bool{0: true, 1: true, crypto.MaxBlobSize: true, crypto.MaxBlobSize + 1: false,
		-1: false, math.MaxInt64: false} {
		if err := remote.CheckSize(name, size); (err == nil) != ok || !ok && remote.KindOf(err) != remote.ErrRefused {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	for _, c := range []struct {
		size, off int64
		n         int
		ok        bool
	}{
		{10, 0, 10, true}, {10, 0, 0, true}, {10, 10, 0, true}, {10, 9, 1, true}, {0, 0, 0, true},
		{10, 0, 11, false}, {10, 10, 1, false}, {10, 11, 0, false}, {10, -1, 1, false}, {10, math.MaxInt64, 1, false},
		{10, math.MinInt64, math.MaxInt, false}, {10, 5, math.MaxInt, false},
	} {
		if got := remote.InRange(c.size, c.off, c.n); got != c.ok {
			t.Errorf("%d bytes from %d on of %d: %v", c.n, c.off, c.size, got)
		}
	}
	if err := remote.PastEnd(name, 10, 5, 6); remote.KindOf(err) != remote.ErrCorrupt ||
		!strings.Contains(err.Error(), "bytes 5 to 11 were asked of 10") {
		t.Error(err)
	}
}

// FuzzInRange compares with arithmetic that can't overflow.
func FuzzInRange(f *testing.F) {
	f.Add(int64(10), int64(5), uint32(5))
	f.Add(int64(10), int64(math.MaxInt64), uint32(1))
	f.Fuzz(func(t *testing.T, size, off int64, n uint32) {
		if size < 0 {
			return // no blob has a negative size
		}
		want := off >= 0 && uint64(off)+uint64(n) <= uint64(size)
		if got := remote.InRange(size, off, int(n)); got != want {
			t.Errorf("%d bytes from %d on of %d: %v", n, off, size, got)
		}
	})
}

func TestCheckSwap(t *testing.T) {
	key := crypto.NewWriterKey([32]byte{1})
	five, six := key.Sign(5, crypto.PointerValue{}), key.Sign(6, crypto.PointerValue{})
	forged := six
	forged.Seq++
	var none crypto.PointerHash
	for _, c := range []struct {
		what    string
		current crypto.Pointer
		there   bool
		old     crypto.PointerHash
		next    crypto.Pointer
		kind    error
	}{
		{"the first", crypto.Pointer{}, false, none, five, nil},
		{"the next", five, true, five.Hash(), six, nil},
		{"from none, but there is one", five, true, none, six, remote.ErrConflict},
		{"from one, but there is none", crypto.Pointer{}, false, five.Hash(), six, remote.ErrConflict},
		{"from another", five, true, six.Hash(), six, remote.ErrConflict},
		{"back", six, true, six.Hash(), five, remote.ErrRefused},
		{"to itself", five, true, five.Hash(), five, remote.ErrRefused},
		{"to the same sequence", five, true, five.Hash(), key.Sign(5, crypto.PointerValue{1}), remote.ErrRefused},
		{"forged", five, true, five.Hash(), forged, remote.ErrRefused},
		{"forged, and from another", five, true, none, forged, remote.ErrRefused},
		{"empty", crypto.Pointer{}, false, none, crypto.Pointer{}, remote.ErrRefused},
		{"the first, listed", crypto.Pointer{}, false, none, key.SignListed(5, crypto.PointerValue{}), nil},
		{"to a listed state", five, true, five.Hash(), key.SignListed(6, crypto.PointerValue{}), remote.ErrRefused},
		{"to an unlisted state", key.SignListed(5, crypto.PointerValue{}), true,
			key.SignListed(5, crypto.PointerValue{}).Hash(), six, remote.ErrRefused},
	} {
		if err := remote.CheckSwap(c.current, c.there, c.old, c.next); remote.KindOf(err) != c.kind {
			t.Errorf("%s: %v, it should be %v", c.what, err, c.kind)
		}
	}
}

func TestAtEnd(t *testing.T) {
	if err := remote.AtEnd(bytes.NewReader(nil), 0); err != nil {
		t.Error(err)
	}
	if err := remote.AtEnd(strings.NewReader("x"), 0); !errors.Is(err, remote.ErrCorrupt) {
		t.Error(err)
	}
}
