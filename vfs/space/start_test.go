package space

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
	"postern/vfs"
	"postern/vfs/content"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// grow makes a drive of folders × files at a remote, in one commit.
func grow(tb testing.TB, store remote.Store, account crypto.AccountSecret, folders, files int) {
	tb.Helper()
	ctx := context.Background()
	now := time.Now()
	device := Device{Name: "grower"}
	if err := Create(ctx, store, account, device, rand.Reader, now); err != nil {
		tb.Fatal(err)
	}
	s := &Space{store: store, account: account, device: device, rand: rand.Reader, now: time.Now}
	s.nodes = tree.NewNodes(store, tree.Options{})
	on, err := loadBase(ctx, store, s.nodes, account)
	if err != nil {
		tb.Fatal(err)
	}
	t := on.files
	apply := func(op tree.Op) {
		if t, _, err = tree.Apply(ctx, t, op); err != nil {
			tb.Fatal(err)
		}
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
			apply(tree.Put{Path: fmt.Sprintf("/folder %04d/file %04d.txt", d, f), Entry: object.Entry{Kind: object.File, Version: version(), Created: now.UnixNano(), Modified: now.UnixNano()}})
		}
	}
	a, err := s.seal(ctx, on, &head{tree: t}, nil)
	if err == nil {
		err = store.Swap(ctx, on.pointer.Hash(), a.next.pointer)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkStart opens a drive of a million files with 100,000 changes that wait for the remote: files written anew and over others, in all
// folders. The time is until the first request could be answered.
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
	o := Options{Store: store, Account: account, Dir: b.TempDir(), Device: Device{ID: object.DeviceID{1}, Name: "laptop"}, CommitDelay: time.Hour, PollInterval: time.Hour}
	s, err := Open(ctx, o)
	if err != nil {
		b.Fatal(err)
	}
	body := make([]byte, 500)
	for i := range changes {
		u := &upload{s: s, path: fmt.Sprintf("/folder %04d/file %04d.txt", i%folders, i/folders*19)}
		if u.version, err = newVersion(s.rand); err != nil {
			b.Fatal(err)
		}
		u.batch = s.area.Begin()
		w := content.NewWriter(ctx, u.batch, content.WriterOptions{Version: u.version, Rand: s.rand})
		if _, err := w.Write(body); err != nil {
			b.Fatal(err)
		}
		if u.result, err = w.Finish(); err != nil {
			b.Fatal(err)
		}
		if _, _, err := s.record(ctx, change{op: u.put(vfs.CommitOptions{}), piece: u.result.Piece}); err != nil {
			b.Fatal(err)
		}
		u.batch.Done()
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Open(ctx, o)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if st := s.Status(); st.PendingChanges != changes || st.Files < folders*files {
			b.Fatalf("it opened with %+v", st)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
