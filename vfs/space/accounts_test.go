package space_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/verify"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/space"
	"postern/vfs/space/base"
)

var makeAccount = flag.String("make-account", "",
	"make testdata/accounts/`VERSION`, once, when a format version is new")

// oldAccount describes an account of one format version, beside its remote.
type oldAccount struct {
	User, Passphrase, Words string
	Files                   map[string]string // hex SHA-256 by path; "folder" for folders
	History                 map[string]string // of one state
}

// TestOldAccounts opens an account of every format version, by its words and by its passphrase, reads everything, and
// continues to write. An account is made once and never again.
func TestOldAccounts(t *testing.T) {
	if *makeAccount != "" {
		writeAccount(t, filepath.Join("testdata", "accounts", *makeAccount))
	}
	folders, err := filepath.Glob("testdata/accounts/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no accounts: %v", err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) { openAccount(t, folder) })
	}
}

func openAccount(t *testing.T, folder string) {
	text, err := os.ReadFile(filepath.Join(folder, "account.json"))
	if err != nil {
		t.Fatal(err)
	}
	var old oldAccount
	if err := json.Unmarshal(text, &old); err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(filepath.Join(folder, "remote"))); err != nil {
		t.Fatal(err)
	}
	d, err := disk.Open(copied, disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	store := verify.New(d, &verify.MemoryPins{})
	secret, err := crypto.SecretFromWords(strings.Fields(old.Words))
	if err != nil {
		t.Fatal(err)
	}
	login, err := crypto.NewLogin(old.User, old.Passphrase)
	if err != nil {
		t.Fatal(err)
	}
	p, err := store.Load(t.Context(), login.Writer().ID())
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := login.OpenAccount(p); err != nil || opened != secret {
		t.Fatalf("the login record opens another account: %v", err)
	}
	h := &home{t: t, store: store, options: space.Options{Store: store, Keys: base.Own(secret), Dir: t.TempDir(),
		Device: space.Device{ID: object.DeviceID{9}, Name: "later"}, Deadlines: remote.Deadlines{Commit: time.Millisecond}}}
	s := h.open()
	defer func() { h.close(s) }()
	if got := listing(t, s, "/"); !maps.Equal(got, old.Files) {
		t.Errorf("files: got %v, want %v", got, old.Files)
	}
	for state, want := range old.History {
		if got := fmt.Sprint(listing(t, s.History(), "/"+state)); got != want {
			t.Errorf("history %s: got %v, want %v", state, got, want)
		}
	}
	put(t, s, "/written by a later version", []byte("hello"))
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.close(s)
	s = h.open()
	if got := string(get(t, s, "/written by a later version")); got != "hello" {
		t.Errorf("read %q", got)
	}
}

// listing returns everything below a folder, by path.
func listing(t *testing.T, from vfs.FS, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	var walk func(string)
	walk = func(folder string) {
		for info, err := range from.List(t.Context(), folder) {
			if err != nil {
				t.Fatal(err)
			}
			path := strings.TrimSuffix(folder, "/") + "/" + info.Name
			name := strings.TrimPrefix(path, strings.TrimSuffix(root, "/"))
			if info.Folder {
				all[name] = "folder"
				walk(path)
				continue
			}
			sum := sha256.Sum256(get(t, from, path))
			all[name] = hex.EncodeToString(sum[:])
		}
	}
	walk(root)
	return all
}

// writeAccount makes an account with something of every kind.
func writeAccount(t *testing.T, folder string) {
	ctx := context.Background()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := disk.Open(filepath.Join(folder, "remote"), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := newHome(t, d)
	old := oldAccount{User: "alice", Passphrase: "correct horse battery staple",
		Words: strings.Join(h.account.Words(), " "), History: map[string]string{}}
	login, err := crypto.NewLogin(old.User, old.Passphrase)
	if err != nil {
		t.Fatal(err)
	}
	record, err := login.SealAccount(h.account, 1, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Swap(ctx, crypto.PointerHash{}, record); err != nil {
		t.Fatal(err)
	}
	s := h.open()
	for _, step := range []func() error{
		func() error { return s.Mkdir(ctx, "/Papers", nil) },
		func() error { put(t, s, "/Papers/empty.txt", nil); return nil },
		func() error { put(t, s, "/Papers/ü.txt", []byte("composed")); return nil },
		func() error { put(t, s, "/Papers/🚀 u\u0308.txt", []byte("decomposed")); return nil },
		func() error { put(t, s, "/one segment", bytes.Repeat([]byte("1"), crypto.SegmentSize)); return nil },
		func() error { put(t, s, "/a blob of its own", bytes.Repeat([]byte("2"), 513<<10)); return nil },
		func() error {
			return s.Patch(ctx, "/one segment", vfs.Patch{Modified: time.Unix(981173106, 123456789),
				Set: []vfs.Property{{Name: vfs.PropertyName{Space: "urn:x", Local: "colour"}, Lang: "en", Value: "<b>red</b>"}}},
				nil)
		},
		func() error { return s.Flush(ctx) },
		func() error { return s.Remove(ctx, "/Papers/empty.txt", nil) },
		func() error {
			for i := range 200 {
				put(t, s, fmt.Sprintf("/Papers/page %03d", i), fmt.Appendf(nil, "page %d", i))
			}
			return nil
		},
		func() error { _, err := s.Copy(ctx, "/Papers", "/Copy", vfs.CopyOptions{}); return err },
		func() error { return s.Flush(ctx) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	old.Files = listing(t, s, "/")
	for info, err := range s.History().List(ctx, "/") {
		if err != nil {
			t.Fatal(err)
		}
		old.History[info.Name] = fmt.Sprint(listing(t, s.History(), "/"+info.Name))
	}
	h.close(s)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(old, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "account.json"), append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	// Locks and temporary files are not part of the format.
	for _, away := range []string{"locks", "tmp"} {
		if err := os.RemoveAll(filepath.Join(folder, "remote", away)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
}
