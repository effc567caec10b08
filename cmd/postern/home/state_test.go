package home

import (
	"bytes"
	"os"
	"testing"

	"go.etcd.io/bbolt"

	"postern/crypto"
	"postern/remote/verify"
)

func opened(t *testing.T, h Home) *State {
	t.Helper()
	s, err := h.OpenState()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestPins(t *testing.T) {
	h := made(t)
	s := opened(t, h)
	id, other := crypto.PointerID{1}, crypto.PointerID{2}
	if _, found, err := s.Pins().Load(id); err != nil || found {
		t.Fatalf("a fresh state: %v %v", found, err)
	}
	pin := verify.Pin{Seq: 1<<40 + 7, Hash: crypto.PointerHash{9, 31: 8}}
	for _, p := range []verify.Pin{{Seq: 1}, pin} {
		if err := s.Pins().Save(id, p); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = opened(t, h) // over a restart
	if got, found, err := s.Pins().Load(id); err != nil || !found || got != pin {
		t.Errorf("got %+v %v %v, want %+v", got, found, err, pin)
	}
	if _, found, err := s.Pins().Load(other); err != nil || found {
		t.Errorf("another pointer has a pin: %v %v", found, err)
	}
	err := s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(pinBucket).Put(id[:], []byte("short")) })
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Pins().Load(id)
	sentenceWith(t, err, h.State())
}

func TestLocks(t *testing.T) {
	h := made(t)
	s := opened(t, h)
	for token, lock := range map[string]string{"a": "1", "b": "2", "c": "3"} {
		if err := s.Locks().Save(token, []byte(lock)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Locks().Save("b", []byte("4")); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"c", "never there"} {
		if err := s.Locks().Delete(token); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := opened(t, h).Locks().Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || !bytes.Equal(got["a"], []byte("1")) || !bytes.Equal(got["b"], []byte("4")) {
		t.Errorf("after a restart: %q", got)
	}
}

func TestStateDamaged(t *testing.T) {
	h := made(t)
	if err := os.WriteFile(h.State(), bytes.Repeat([]byte("no database "), 2000), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := h.OpenState()
	sentenceWith(t, err, h.State(), "damaged", "move it away")
}

func TestStateUnreadable(t *testing.T) {
	h := made(t)
	if err := os.Mkdir(h.State(), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := h.OpenState()
	sentenceWith(t, err, h.State())
}
