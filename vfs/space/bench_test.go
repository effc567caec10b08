package space_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"postern/remote"
	"postern/vfs"
	"postern/vfs/space"
)

const largeSize = 256 << 20

func benchSpace(b *testing.B) *space.Space {
	h := newHome(b, newDisk(b))
	h.options.Deadlines.Commit = remote.Shipped.Commit
	s := h.open()
	b.Cleanup(func() { h.close(s) })
	return s
}

func BenchmarkSmallPut(b *testing.B) {
	s := benchSpace(b)
	body := bytes.Repeat([]byte("small"), 800)
	var n atomic.Int64
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			put(b, s, fmt.Sprintf("/file-%06d", n.Add(1)), body)
		}
	})
}

func BenchmarkSmallGet(b *testing.B) {
	s := benchSpace(b)
	body := bytes.Repeat([]byte("small"), 800)
	for i := range 1000 {
		put(b, s, fmt.Sprintf("/file-%06d", i), body)
	}
	if err := s.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			get(b, s, fmt.Sprintf("/file-%06d", n.Add(1)%1000))
		}
	})
}

func putLarge(b *testing.B, s *space.Space) {
	u, err := s.Create(context.Background(), "/large")
	if err != nil {
		b.Fatal(err)
	}
	defer u.Abort()
	if _, err := io.Copy(u, io.LimitReader(zeros{}, largeSize)); err != nil {
		b.Fatal(err)
	}
	if _, _, err := u.Commit(context.Background(), vfs.CommitOptions{}); err != nil {
		b.Fatal(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func BenchmarkLargePut(b *testing.B) {
	s := benchSpace(b)
	b.SetBytes(largeSize)
	for b.Loop() {
		putLarge(b, s)
	}
}

func BenchmarkLargeGet(b *testing.B) {
	s := benchSpace(b)
	putLarge(b, s)
	if err := s.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(largeSize)
	b.ResetTimer()
	for b.Loop() {
		f, err := s.Open(context.Background(), "/large")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.WriteNTo(io.Discard, largeSize); err != nil {
			b.Fatal(err)
		}
		_ = f.Close()
	}
}
