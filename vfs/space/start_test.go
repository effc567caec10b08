package space

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
	"postern/vfs"
	"postern/vfs/content"
	"postern/vfs/object"
	"postern/vfs/space/base"
	"postern/vfs/space/commit"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

// grow makes a drive of folders × files at a remote, in one commit.
func grow(tb testing.TB, store remote.Store, account crypto.AccountSecret, folders, files int) {
	tb.Helper()
	ctx := context.Background()
	now := time.Now()
	device := Device{Name: "grower"}
	if err := Create(ctx, store, base.Own(account), device, rand.Reader, now); err != nil {
		tb.Fatal(err)
	}
	s, err := Open(ctx, Options{Store: store, Keys: base.Own(account), Dir: tb.TempDir(), Device: device,
		Deadlines: remote.Deadlines{Commit: time.Hour}})
	if err != nil {
		tb.Fatal(err)
	}
	err = s.committer.Supersede(ctx, func(ctx context.Context, look commit.Looking) (*commit.Replacement, error) {
		on, err := look(ctx)
		if err != nil {
			return nil, err
		}
		return &commit.Replacement{Shown: on.Pointer, On: on, Files: filled(tb, on.Files, folders, files)}, nil
	})
	if err := errors.Join(err, s.Close()); err != nil {
		tb.Fatal(err)
	}
}

// filled returns a tree of folders × files.
func filled(tb testing.TB, t tree.Tree, folders, files int) tree.Tree {
	ctx, now := context.Background(), time.Now()
	apply := func(op tree.Op) {
		next, _, err := tree.Apply(ctx, t, op)
		if err != nil {
			tb.Fatal(err)
		}
		t = next
	}
	n := uint64(0)
	version := func() (v vfs.Version) {
		n++
		binary.BigEndian.PutUint64(v[:], n)
		return v
	}
	for d := range folders {
		apply(tree.Mkdir{Path: fmt.Sprintf("/folder %04d", d), Version: version(), Time: now})
		for f := range files {
			apply(tree.Put{Path: fmt.Sprintf("/folder %04d/file %04d.txt", d, f), Entry: object.Entry{
				Kind: object.File, Version: version(), Created: now.UnixNano(), Modified: now.UnixNano(), Size: 500,
				ContentType: "text/plain",
				Content: object.Content{Chunks: []object.Chunk{
					{Blob: crypto.BlobName{byte(d), byte(f), 1}, Off: uint32(f) * 1000},
				}},
			}})
		}
	}
	return t
}

// scribble records n changes in a space, without a commit: new files and replaced ones, in the first of the folders,
// equally many in each.
func scribble(tb testing.TB, s *Space, n, folders int) {
	tb.Helper()
	ctx := context.Background()
	body := make([]byte, 500)
	for i := range n {
		u := &upload{s: s, path: fmt.Sprintf("/folder %04d/file %04d.txt", i%folders, i/folders*1900/(n/folders))}
		var err error
		if u.version, err = base.NewVersion(s.home.Rand); err != nil {
			tb.Fatal(err)
		}
		u.batch = s.home.Area.Begin()
		w := content.NewWriter(ctx, u.batch, content.WriterOptions{Version: u.version, Rand: s.home.Rand})
		if _, err := w.Write(body); err != nil {
			tb.Fatal(err)
		}
		if u.result, err = w.Finish(); err != nil {
			tb.Fatal(err)
		}
		if _, _, err := s.record(ctx, working.Change{Op: u.put(vfs.CommitOptions{}), Piece: u.result.Piece}); err != nil {
			tb.Fatal(err)
		}
		u.batch.Done()
	}
}

// BenchmarkStart opens a drive of a million files with 100,000 uncommitted changes, of a tenth of the folders and of
// all of them. It measures the time until the first request could be answered.
func BenchmarkStart(b *testing.B) {
	const folders, files, changes = 1000, 1000, 100_000
	ctx := context.Background()
	account, err := crypto.Random[crypto.AccountSecret](rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	store, err := disk.Open(b.TempDir(), disk.Options{})
	if err != nil {
		b.Fatal(err)
	}
	grow(b, store, account, folders, files)
	for _, within := range []int{folders / 10, folders} {
		b.Run(fmt.Sprintf("in %d folders", within), func(b *testing.B) {
			o := Options{Store: store, Keys: base.Own(account), Dir: b.TempDir(),
				Device:    Device{ID: object.DeviceID{1}, Name: "laptop"},
				Deadlines: remote.Deadlines{Commit: time.Hour, Poll: time.Hour}}
			s, err := Open(ctx, o)
			if err != nil {
				b.Fatal(err)
			}
			scribble(b, s, changes, within)
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			s = nil
			for b.Loop() {
				b.StopTimer()
				before := heap()
				b.StartTimer()
				if s, err = Open(ctx, o); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				b.ReportMetric(float64(heap()-before), "B-held")
				if st := s.Status(); st.PendingChanges != changes || st.Files < folders*files {
					b.Fatalf("it opened with %+v", st)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// heap returns how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
