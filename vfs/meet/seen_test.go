package meet

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"postern/crypto"
	"postern/crypto/alloctest"
)

func numbered(n int, day uint32) SeenMessage {
	var m SeenMessage
	binary.BigEndian.PutUint32(m.Key[:], uint32(n))
	m.Day = day
	return m
}

func openSeen(t testing.TB, path string) *SeenFile {
	t.Helper()
	f, err := OpenSeen(nil, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSeenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letters")
	f := openSeen(t, path)
	if f.Has(numbered(1, 0).Key) {
		t.Error("a new file has a message")
	}
	if err := f.Add(100, numbered(1, 100), numbered(2, 90)); err != nil {
		t.Fatal(err)
	}
	if err := f.Add(110, numbered(2, 110), numbered(2, 95)); err != nil { // sealed anew, and an older letter of it
		t.Fatal(err)
	}
	for _, c := range []struct {
		day  uint32
		want [2]bool
	}{{190, [2]bool{true, true}}, {191, [2]bool{false, true}}, {200, [2]bool{false, true}}, {201, [2]bool{}}} {
		if err := openSeen(t, path).Add(c.day, numbered(3, c.day)); err != nil {
			t.Fatal(err)
		}
		again := openSeen(t, path)
		if got := [2]bool{again.Has(numbered(1, 0).Key), again.Has(numbered(2, 0).Key)}; got != c.want {
			t.Errorf("on day %d: %v", c.day, got)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestSeenFileForgetsTheOldest(t *testing.T) {
	f := openSeen(t, filepath.Join(t.TempDir(), "letters"))
	var all []SeenMessage
	for n := range MaxSeen + 10 {
		all = append(all, numbered(n, uint32(1000+n/100)))
	}
	if err := f.Add(1000, all...); err != nil {
		t.Fatal(err)
	}
	if f.Has(all[99].Key) || !f.Has(all[200].Key) || !f.Has(all[len(all)-1].Key) || len(f.days) != MaxSeen {
		t.Errorf("%d messages are left", len(f.days))
	}
	if again := openSeen(t, f.path); len(again.days) != MaxSeen {
		t.Errorf("%d messages are read back", len(again.days))
	}
}

func TestDamagedSeenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letters")
	if err := openSeen(t, path).Add(100, numbered(1, 100)); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string][]byte{
		"empty":   {},
		"cut off": good[:len(good)-1],
		"a bit":   append(bytes.Clone(good[:20]), append([]byte{good[20] ^ 1}, good[21:]...)...),
		"huge":    make([]byte, maxSeen+1),
	} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		f := openSeen(t, path)
		if f.Has(numbered(1, 0).Key) {
			t.Errorf("%s: it is taken", what)
		}
		if err := f.Add(100, numbered(2, 100)); err != nil || !openSeen(t, path).Has(numbered(2, 0).Key) {
			t.Errorf("%s: it stays damaged, %v", what, err)
		}
	}
	if _, err := OpenSeen(nil, t.TempDir(), nil); err == nil {
		t.Error("a folder is taken for a file")
	}
}

func FuzzParseSeen(f *testing.F) {
	f.Add(encodeSeen(nil)[:len(seenMagic)])
	f.Add(encodeSeen([]SeenMessage{numbered(1, 2), numbered(3, 4)})[:len(seenMagic)+2*seenRecord])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		alloctest.Check(t, len(b), func() {
			if _, err := parseSeen(b); err == nil && len(b) < len(seenMagic)+32 {
				t.Error("it is taken")
			}
			sum := crypto.NameOf(b)
			days, err := parseSeen(append(bytes.Clone(b), sum[:]...))
			if err != nil {
				return
			}
			file := SeenFile{days: days}
			if again := encodeSeen(file.prune(0)); !bytes.Equal(again[:len(again)-32], b) {
				t.Errorf("%x is taken for %x", b, again)
			}
		})
	})
}
