package journal

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"postern/crypto"
	"postern/crypto/alloctest"
	"postern/remote/localfs/simfs"
)

// fixedFile returns a whole file of a journal, made with fixed randomness and time.
func fixedFile(tb testing.TB) []byte {
	tb.Helper()
	sim := simfs.New()
	j, err := Open(dir, key, Options{FS: sim, Rand: rand.NewChaCha8([32]byte{1}),
		Clock: func() time.Time { return time.Unix(1000, 5) }})
	if err != nil {
		tb.Fatal(err)
	}
	for i := range 4 {
		w := sample(i)
		j.Append([]byte(w.op), w.attachment)
	}
	j.Close()
	return contents(tb, sim)
}

// contents returns the first file of a journal.
func contents(tb testing.TB, sim *simfs.FS) []byte {
	tb.Helper()
	f, err := sim.Open(dir + "/" + fileName(1))
	if err != nil {
		tb.Fatal(err)
	}
	size, _ := f.Size()
	p := make([]byte, size)
	f.ReadAt(p, 0)
	return p
}

// compacted returns a file that a compaction wrote.
func compacted(tb testing.TB) []byte {
	tb.Helper()
	sim := simfs.New()
	j, err := Open(dir, key, Options{FS: sim, Rand: rand.NewChaCha8([32]byte{2}),
		Clock: func() time.Time { return time.Unix(1000, 5) }})
	if err != nil {
		tb.Fatal(err)
	}
	add(tb, j, 0, 8)
	if err := j.Compact(9, func(seq uint64) bool { return seq == 4 }); err != nil {
		tb.Fatal(err)
	}
	return contents(tb, sim)
}

// FuzzOpen opens any bytes as the newest file. It must not crash, accepted records must be replayed as found, and a
// second open must find nothing more to repair.
func FuzzOpen(f *testing.F) {
	whole := fixedFile(f)
	f.Add(whole)
	f.Add(whole[:headerSize])
	f.Add(whole[:len(whole)-7])
	f.Add([]byte(fileMagic))
	f.Add(append(bytes.Clone(whole), whole[headerSize:]...))
	f.Add(compacted(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		alloctest.Check(t, len(data), func() {
			sim := simfs.New()
			sim.MkdirAll(dir)
			file, err := sim.Create(dir + "/" + fileName(1))
			if err != nil {
				t.Fatal(err)
			}
			file.WriteAt(data, 0)
			j, err := Open(dir, key, Options{FS: sim})
			if err != nil {
				return
			}
			count := func(j *Journal) (n int) {
				if err := j.Replay(func(r Record) error {
					if r.Size > 0 {
						p, err := j.Attachment(r.Attachment)
						if err != nil || crypto.NameOf(p) != r.Attachment {
							t.Fatalf("attachment of %d: %v", r.Seq, err)
						}
					}
					n++
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				return n
			}
			n := count(j)
			if got := j.Pending().Records; got != n {
				t.Fatalf("%d records pending, %d replayed", got, n)
			}
			j.Close()
			again, err := Open(dir, key, Options{FS: sim})
			if err != nil {
				t.Fatalf("a journal that was mended: %v", err)
			}
			if got := count(again); got != n {
				t.Fatalf("%d records, then %d", n, got)
			}
		})
	})
}

// FuzzHeader checks that parsed bytes are encoded back to the same bytes.
func FuzzHeader(f *testing.F) {
	f.Add(header{sealed: minSealed, number: 1, seq: 2, synced: 1}.append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		alloctest.Check(t, len(data), func() {
			h, err := parseHeader(data)
			if err == nil && !bytes.Equal(h.append(nil), data) {
				t.Fatalf("%x was read as %+v", data, h)
			}
		})
	})
}

// TestFormat checks that the format is fixed: a file made with fixed randomness always has the same hash.
func TestFormat(t *testing.T) {
	const want = "c9d05eabdcab8a8e8a0e42d2960460098e8e899d872599f3865cab0173e75e9b"
	if got := crypto.NameOf(fixedFile(t)).String(); got != want {
		t.Errorf("the file hashes to %s, want %s; files of users would no longer open", got, want)
	}
	const gaps = "9a106949d1b68a3d8e78b91eee7939796dfbc26d8e96e108a7dc8b385400492d"
	if got := crypto.NameOf(compacted(t)).String(); got != gaps {
		t.Errorf("the file with gaps hashes to %s, want %s; files of users would no longer open", got, gaps)
	}
}

// FuzzBody checks that a parsed body is encoded back to the same bytes.
func FuzzBody(f *testing.F) {
	f.Add(body{kind: kindRecord, time: 5, op: []byte("op")}.append(nil, false), false)
	f.Add(body{kind: kindRecord, time: -1, name: crypto.BlobName{1}}.append(nil, true), true)
	f.Add(body{kind: kindEnd}.append(nil, false), false)
	f.Add(body{kind: kindGap, op: make([]byte, gapSize)}.append(nil, false), false)
	f.Fuzz(func(t *testing.T, data []byte, attached bool) {
		var b body
		var err error
		alloctest.Check(t, len(data), func() { b, err = parseBody(data, attached) })
		if err == nil && !bytes.Equal(b.append(nil, attached), data) {
			t.Fatalf("%x was read as %+v", data, b)
		}
	})
}
