package s3_test

import (
	"crypto/rand"
	"regexp"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/remotetest"
	"postern/remote/s3"
	"postern/remote/s3/s3test"
)

// TestNamesOfObjects: after all calls of the contract, the names of the objects in the bucket are hashes and public ids
// of fixed length, and nothing of the probe is left.
func TestNamesOfObjects(t *testing.T) {
	place := s3test.Fake(t)()
	made, err := s3.Open(t.Context(), place, s3.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer made.Close()
	open := func() (remote.Store, error) { return s3.Open(t.Context(), place, s3.Options{Existing: true}) }
	err = remotetest.RunAll(t.Context(), open, rand.Reader, func(remotetest.Check, error) {})
	if err != nil {
		t.Fatal(err)
	}
	data := []byte("sealed")
	if err := made.Put(t.Context(), crypto.NameOf(data), remote.BytesBody(data)); err != nil {
		t.Fatal(err)
	}
	allowed := regexp.MustCompile(`^` + place.Prefix + `/(postern-store|blobs/[0-9a-f]{64}|pointers/[0-9a-f]{64}|` +
		`inboxes/[0-9a-f]{64}/[0-9a-f]{64}|names/[0-9a-f]{64})$`)
	keys, err := s3test.Keys(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, key := range keys {
		if !allowed.MatchString(key) {
			t.Errorf("an object has the name %q", key)
		}
		kinds[regexp.MustCompile(`/[a-z-]+`).FindString(key)] = true
	}
	if len(kinds) < 4 {
		t.Errorf("only these kinds of objects were made: %v", kinds)
	}
}
