package journal

import (
	"context"
	"sync"
	"testing"
	"time"
)

func onDisk(b *testing.B) *Journal {
	b.Helper()
	j, err := Open(b.TempDir(), key, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { j.Close() })
	return j
}

// BenchmarkAppendSync measures one client: one append with its sync at a time.
func BenchmarkAppendSync(b *testing.B) {
	j := onDisk(b)
	op := make([]byte, 300)
	for b.Loop() {
		seq, err := j.Append(op, nil)
		if err == nil {
			err = j.Sync(context.Background(), seq)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendSync16 measures sixteen clients at once, each with a small file of 4 KiB: group commit.
func BenchmarkAppendSync16(b *testing.B) {
	j := onDisk(b)
	op, attachment := make([]byte, 300), make([]byte, 4208)
	b.ResetTimer()
	begun := time.Now()
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for range (b.N + g) / 16 {
				seq, err := j.Append(op, attachment)
				if err == nil {
					err = j.Sync(context.Background(), seq)
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/time.Since(begun).Seconds(), "records/s")
}

func BenchmarkAppend(b *testing.B) {
	j := onDisk(b)
	op := make([]byte, 300)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := j.Append(op, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen100k measures a start with a hundred thousand records.
func BenchmarkOpen100k(b *testing.B) {
	dir := b.TempDir()
	j, err := Open(dir, key, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for range 100_000 {
		if _, err := j.Append(make([]byte, 300), nil); err != nil {
			b.Fatal(err)
		}
	}
	j.Close()
	b.ReportAllocs()
	for b.Loop() {
		j, err := Open(dir, key, Options{})
		if err != nil {
			b.Fatal(err)
		}
		j.Close()
	}
}
