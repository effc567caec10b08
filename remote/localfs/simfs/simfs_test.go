package simfs

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"testing"

	"postern/remote/localfs"
)

// write makes a file that holds p.
func write(t *testing.T, s *FS, path string, p []byte) localfs.File {
	t.Helper()
	f, err := s.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(p, 0); err != nil {
		t.Fatal(err)
	}
	return f
}

func read(s *FS, path string) ([]byte, error) {
	f, err := s.Open(path)
	if err != nil {
		return nil, err
	}
	n, _ := f.Size()
	p := make([]byte, n)
	f.ReadAt(p, 0)
	return p, nil
}

// Synced bytes are always there; each unsynced file is sometimes there, sometimes lost, and sometimes torn.
func TestPowerLoss(t *testing.T) {
	s := New()
	s.MkdirAll("/d")
	safe := bytes.Repeat([]byte("s"), 5000)
	write(t, s, "/d/safe", safe).Sync()
	half := write(t, s, "/d/half", safe)
	half.Sync()
	s.SyncDir("/d")
	half.WriteAt(bytes.Repeat([]byte("n"), 5000), 2500)
	write(t, s, "/d/nameless", safe).Sync()
	rnd := rand.New(rand.NewPCG(1, 2))
	named, torn := 0, map[string]bool{}
	for range 200 {
		after := s.PowerLoss(rnd)
		if p, err := read(after, "/d/safe"); err != nil || !bytes.Equal(p, safe) {
			t.Fatalf("what was synced is %d bytes: %v", len(p), err)
		}
		p, err := read(after, "/d/half")
		if err != nil || !bytes.Equal(p[:2048], safe[:2048]) {
			t.Fatalf("the synced sectors: %v", err)
		}
		torn[string(p)] = true
		p, err = read(after, "/d/nameless")
		if err == nil && bytes.Equal(p, safe) {
			named++
		} else if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if named == 0 || named == 200 {
		t.Errorf("an unsynced name survived %d times of 200", named)
	}
	if len(torn) < 50 {
		t.Errorf("only %d outcomes of a torn write", len(torn))
	}
}

func TestRemovalIsNotDurable(t *testing.T) {
	s := New()
	s.MkdirAll("/d")
	write(t, s, "/d/x", []byte("x")).Sync()
	s.SyncDir("/d")
	s.Remove("/d/x")
	back := 0
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		if _, err := read(s.PowerLoss(rnd), "/d/x"); err == nil {
			back++
		}
	}
	if back == 0 || back == 100 {
		t.Errorf("an unsynced removal came back %d times of 100", back)
	}
	s.SyncDir("/d")
	if _, err := read(s.PowerLoss(rnd), "/d/x"); err == nil {
		t.Error("a synced removal came back")
	}
}

func TestCapacity(t *testing.T) {
	s := New()
	s.MkdirAll("/d")
	s.SetCapacity(10)
	f := write(t, s, "/d/x", []byte("12345678"))
	if n, err := f.WriteAt([]byte("9abcd"), 8); n != 2 || !localfs.IsFull(err) {
		t.Errorf("wrote %d: %v", n, err)
	}
	if n, err := f.WriteAt([]byte("ABC"), 0); n != 3 || err != nil {
		t.Errorf("overwrote %d: %v", n, err)
	}
	if s.Used() != 10 {
		t.Errorf("%d bytes used", s.Used())
	}
}
