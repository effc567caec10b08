package space_test

import (
	"fmt"
	"testing"
	"time"

	"postern/remote/mem"
	"postern/vfs/registry"
)

// BenchmarkNote measures a note, with its fsync, in a private state of some size, and a change of the files beside it.
func BenchmarkNote(b *testing.B) {
	for _, size := range []int{100, 10_000} {
		h := newHome(b, mem.New())
		h.options.Deadlines.Commit = time.Hour
		s := h.open()
		for from := 0; from < size; from += 100 {
			notes := make([]registry.Note, 100)
			for i := range notes {
				notes[i] = noteOf(fmt.Sprint(from+i), "card", "0123456789012345678901234567890123456789")
			}
			note(b, s, notes...)
		}
		flush(b, s)
		n := 0
		b.Run(fmt.Sprint("note/", size), func(b *testing.B) {
			for b.Loop() {
				n++
				note(b, s, noteOf("7", "n", fmt.Sprint(n)))
			}
		})
		b.Run(fmt.Sprint("commit/", size), func(b *testing.B) {
			for b.Loop() {
				n++
				note(b, s, noteOf("7", "n", fmt.Sprint(n)))
				flush(b, s)
			}
		})
		b.Run(fmt.Sprint("put/", size), func(b *testing.B) {
			for b.Loop() {
				put(b, s, "/a", []byte("a"))
			}
		})
		h.close(s)
	}
}
