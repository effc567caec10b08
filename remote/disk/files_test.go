package disk

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"postern/crypto"
	"postern/remote"
)

// some opens a store with a few blobs.
func some(t testing.TB, o Options, count, size int) (*Store, []crypto.BlobName, [][]byte) {
	t.Helper()
	s, err := Open(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	random := rand.NewChaCha8([32]byte{})
	var names []crypto.BlobName
	var all [][]byte
	for range count {
		data := make([]byte, size)
		_, _ = random.Read(data)
		name := crypto.NameOf(data)
		if err := s.Put(t.Context(), name, remote.BytesBody(data)); err != nil {
			t.Fatal(err)
		}
		names, all = append(names, name), append(all, data)
	}
	return s, names, all
}

func TestOpenFilesAreBounded(t *testing.T) {
	ctx := t.Context()
	s, names, all := some(t, Options{OpenFiles: 3}, 8, 5000)
	for i, name := range names {
		p := make([]byte, 100)
		if err := s.GetRange(ctx, name, 50, p); err != nil || !bytes.Equal(p, all[i][50:150]) {
			t.Fatalf("blob %d: %v", i, err)
		}
		if open := s.files.files.Len(); open != min(i+1, 3) {
			t.Fatalf("%d files are open after %d blobs", open, i+1)
		}
	}
	// Of 5, 6 and 7, blob 5 is used again, so blob 6 is evicted.
	for _, i := range []int{5, 0} {
		if _, err := s.Get(ctx, names[i]); err != nil {
			t.Fatal(err)
		}
	}
	for i, open := range map[int]bool{0: true, 5: true, 7: true, 6: false} {
		if (s.files.kept(names[i]) != nil) != open {
			t.Errorf("blob %d is open: %v", i, !open)
		}
	}
	kept := s.files.kept(names[0])
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Stat(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after Close a file is open: %v", err)
	}
}

// TestReplacedFileIsNoticed: another process deletes and puts, while this one has the old file open.
func TestReplacedFileIsNoticed(t *testing.T) {
	ctx := t.Context()
	s, names, all := some(t, Options{}, 1, 5000)
	if _, err := s.Get(ctx, names[0]); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.root, blobFile(names[0]))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := s.GetRange(ctx, names[0], 0, make([]byte, 10)); !errors.Is(err, remote.ErrNotFound) {
		t.Errorf("once another deleted it: %v", err)
	}
	if err := os.WriteFile(path, all[0], fileMode); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(ctx, names[0]); err != nil || !bytes.Equal(got, all[0]) {
		t.Errorf("once another put it again: %v", err)
	}
}

// TestReadsWhileFilesClose reads from many goroutines with room for one open file, so that each read closes another
// read's file.
func TestReadsWhileFilesClose(t *testing.T) {
	ctx := t.Context()
	s, names, all := some(t, Options{OpenFiles: 1}, 5, 70_000)
	var readers sync.WaitGroup
	for r := range 8 {
		readers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(r), 0))
			p := make([]byte, 1000)
			for range 300 {
				i, off := random.IntN(len(names)), random.IntN(69_000)
				if err := s.GetRange(ctx, names[i], int64(off), p); err != nil || !bytes.Equal(p, all[i][off:off+1000]) {
					t.Errorf("blob %d from %d on: %v", i, off, err)
					return
				}
			}
		})
	}
	readers.Wait()
}

// BenchmarkGetRange reads 64 KiB at random places of 40 full blobs, like random reads of a file.
func BenchmarkGetRange(b *testing.B) {
	for _, c := range []struct {
		name string
		open int
	}{{"kept open", DefaultOpenFiles}, {"opened each time", -1}} {
		b.Run(c.name, func(b *testing.B) {
			s, names, _ := some(b, Options{OpenFiles: c.open}, 40, crypto.MaxBlobSize)
			random := rand.New(rand.NewPCG(1, 1))
			p := make([]byte, crypto.SealedSegmentSize)
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				off := random.IntN((crypto.MaxBlobSize-crypto.ChunkMetaSize)/crypto.SealedSegmentSize)*crypto.SealedSegmentSize +
					crypto.ChunkMetaSize
				if err := s.GetRange(b.Context(), names[random.IntN(len(names))], int64(off), p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPut stores full blobs, written and linked.
func BenchmarkPut(b *testing.B) {
	data := make([]byte, crypto.MaxBlobSize)
	for _, linked := range []bool{false, true} {
		b.Run(map[bool]string{false: "written", true: "linked"}[linked], func(b *testing.B) {
			s, _, _ := some(b, Options{}, 0, 0)
			staged := filepath.Join(b.TempDir(), "staged")
			if err := os.WriteFile(staged, data, fileMode); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data)))
			var name crypto.BlobName
			for i := 0; b.Loop(); i++ {
				name[0], name[1], name[2], name[3] = byte(i), byte(i>>8), byte(i>>16), 1
				var body remote.Body = remote.BytesBody(data)
				if linked {
					body = full(staged)
				}
				if err := s.Put(b.Context(), name, body); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := s.Delete(b.Context(), name); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// full is a Linker over a file of a full blob.
type full string

func (full) Size() int64                    { return crypto.MaxBlobSize }
func (f full) LinkTo(path string) error     { return os.Link(string(f), path) }
func (f full) Open() (io.ReadCloser, error) { return nil, fs.ErrInvalid }
