package disk

import (
	"os"
	"path/filepath"
	"testing"

	"postern/crypto"
	"postern/crypto/alloctest"
	"postern/remote"
)

// TestIDOfAnOlderStore: a store without an id gets a lasting one when it is opened.
func TestIDOfAnOlderStore(t *testing.T) {
	folder := t.TempDir()
	first, err := openLight(t, folder).ID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, idFile)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s := openLight(t, folder)
	if _, err := os.Stat(path); err != nil {
		t.Error("opening the store made no id:", err)
	}
	second, err := s.ID(t.Context())
	if err != nil || second == first || second.IsZero() {
		t.Errorf("%v, then %v, %v", first, second, err)
	}
	if third, err := openLight(t, folder).ID(t.Context()); err != nil || third != second {
		t.Errorf("%v, then %v, %v", second, third, err)
	}
}

// TestDamagedID: a damaged id is reported, and affects nothing else in the store.
func TestDamagedID(t *testing.T) {
	folder := t.TempDir()
	openLight(t, folder)
	if err := os.WriteFile(filepath.Join(folder, idFile), []byte("x"), fileMode); err != nil {
		t.Fatal(err)
	}
	s := openLight(t, folder)
	if id, err := s.ID(t.Context()); remote.KindOf(err) != remote.ErrCorrupt || !id.IsZero() {
		t.Errorf("%v, %v", id, err)
	}
	swapListed(t, s, 0, 1)
}

func FuzzID(f *testing.F) {
	f.Add([]byte(crypto.StoreID{1}.String() + "\n"))
	f.Add([]byte(crypto.StoreID{}.String() + "\n"))
	f.Add([]byte("0"))
	f.Fuzz(func(t *testing.T, b []byte) {
		alloctest.Check(t, len(b), func() {
			if id, err := parseID(b); err == nil && (id.IsZero() || id.String()+"\n" != string(b)) {
				t.Errorf("%q is id %v", b, id)
			}
		})
	})
}
