// Package alloctest measures the cost of reading untrusted input, so that tests and fuzz targets find inputs that take
// too much memory or time, as they find inputs that panic.
package alloctest

import (
	"fmt"
	"runtime/metrics"
	"testing"
	"time"
)

// The bounds of Check: enough for every parser here, far below what a process can stand.
const (
	Base    = 16 << 20 // bytes that any input may allocate
	PerByte = 1 << 10  // bytes more for each byte of input
	Longest = time.Minute
)

// Check runs do, which reads an input of size bytes, and fails the test if it allocates more than Base and PerByte for
// each byte. It counts all allocations of the whole process, including memory that is free again and other work under
// way. An input that takes longer than Longest ends the process with a panic, which a fuzzing run reports with its
// input.
func Check(t testing.TB, size int, do func()) {
	t.Helper()
	Within(t, Base+uint64(size)*PerByte, do)
}

// Within is Check with a bound in bytes.
func Within(t testing.TB, most uint64, do func()) {
	t.Helper()
	hang := time.AfterFunc(Longest, func() { panic(fmt.Sprintf("%s: an input takes longer than %v", t.Name(), Longest)) })
	defer hang.Stop()
	if took := Allocated(do) / inflation; took > most {
		t.Fatalf("allocated %d MiB, want at most %d MiB", took>>20, most>>20)
	}
}

// Allocated returns how many bytes the process allocates while do runs.
func Allocated(do func()) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	do()
	metrics.Read(sample)
	return sample[0].Value.Uint64() - before
}
