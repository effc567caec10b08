package space_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"testing"
	"time"

	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/content"
	"postern/vfs/space"
)

// lateBody returns a body long enough to be hashed as it arrives.
func lateBody() []byte { return bytes.Repeat([]byte("late"), content.SmallLimit/2) }

func putLate(t *testing.T, s *space.Space, path string, body []byte) {
	t.Helper()
	if err := s.PutLate(t.Context(), path, body); err != nil {
		t.Fatal(err)
	}
}

// wantMD5 checks the MD5 of a file.
func wantMD5(t *testing.T, s *space.Space, path string, body []byte) vfs.Info {
	t.Helper()
	info, err := s.Stat(vfs.NeedMD5(t.Context()), path)
	if err != nil || info.MD5 != md5.Sum(body) {
		t.Errorf("%s: MD5 %x, %v", path, info.MD5, err)
	}
	return info
}

// TestLateMD5 checks that a file stored without its MD5 has one once a caller needs it, alone or in a listing, with the
// same version and time. An endless transfer does not prevent that.
func TestLateMD5(t *testing.T) {
	h := newHome(t, mem.New())
	h.options.Deadlines.Commit = time.Hour
	s := h.open()
	defer h.close(s)
	defer s.Transfer()()
	body := lateBody()
	putLate(t, s, "/a", body)
	before, err := s.Stat(t.Context(), "/a")
	if err != nil || !before.LacksMD5() {
		t.Fatalf("%+v, %v", before, err)
	}
	after := wantMD5(t, s, "/a", body)
	if after.Version != before.Version || !after.Modified.Equal(before.Modified) ||
		!after.Created.Equal(before.Created) {
		t.Errorf("%+v, before %+v", after, before)
	}
	putLate(t, s, "/b", append(body, 'b'))
	for info, err := range s.List(vfs.NeedMD5(t.Context()), "/") {
		if err != nil || info.LacksMD5() {
			t.Errorf("%+v, %v", info, err)
		}
	}
	if got := get(t, s, "/a"); !bytes.Equal(got, body) {
		t.Error("another body")
	}
}

// TestLateMD5Committed checks that no file is committed without its MD5, whatever happens to it meanwhile, so every
// other device has it, too.
func TestLateMD5Committed(t *testing.T) {
	h := newHome(t, mem.New())
	s := h.open()
	body := lateBody()
	for _, path := range []string{"/a", "/moved", "/copied", "/changed", "/replaced", "/removed"} {
		end := s.Transfer() // so that it is still missing at the next step
		putLate(t, s, path, body)
		var err error
		ctx, now := context.Background(), time.Unix(1e9, 0)
		switch path {
		case "/moved":
			if err = s.Mkdir(ctx, "/x", nil); err == nil {
				_, err = s.Move(ctx, path, "/x/in", vfs.CopyOptions{})
			}
			if err == nil {
				_, err = s.Move(ctx, "/x", "/y", vfs.CopyOptions{})
			}
		case "/copied":
			_, err = s.Copy(ctx, path, "/copy", vfs.CopyOptions{})
		case "/changed":
			err = s.Patch(ctx, path, vfs.Patch{Modified: now}, nil)
		case "/replaced":
			put(t, s, path, []byte("new"))
		case "/removed":
			err = s.Remove(ctx, path, nil)
		}
		end()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	flush(t, s)
	h.close(s)

	other := h.device(2, "desk")
	s = other.open()
	defer func() { other.close(s) }()
	for _, path := range []string{"/a", "/y/in", "/copied", "/copy", "/changed"} {
		info, err := s.Stat(t.Context(), path)
		if err != nil || info.MD5 != md5.Sum(body) {
			t.Errorf("%s: MD5 %x, %v", path, info.MD5, err)
		}
		if path == "/changed" && !info.Modified.Equal(time.Unix(1e9, 0)) {
			t.Errorf("modified %v", info.Modified)
		}
	}
	if info, err := s.Stat(t.Context(), "/replaced"); err != nil || info.MD5 != md5.Sum([]byte("new")) {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := s.Stat(t.Context(), "/removed"); err == nil {
		t.Error("what was removed is there")
	}
}

// TestLateMD5AfterStart checks that an MD5 that was missing when the gateway ended is computed after the next start,
// also for a moved file.
func TestLateMD5AfterStart(t *testing.T) {
	h := newHome(t, mem.New())
	h.options.Deadlines.Commit = time.Hour
	s := h.open()
	s.Transfer()
	body := lateBody()
	putLate(t, s, "/a", body)
	if _, err := s.Move(t.Context(), "/a", "/b", vfs.CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	if info, err := s.Stat(t.Context(), "/b"); err != nil || !info.LacksMD5() {
		t.Fatalf("%+v, %v", info, err)
	}
	h.close(s)

	s = h.open()
	defer func() { h.close(s) }()
	flush(t, s)
	if info, err := s.Stat(t.Context(), "/b"); err != nil || info.MD5 != md5.Sum(body) {
		t.Errorf("%+v, %v", info, err)
	}
}

// TestLateMD5OnlyWhereAllowed checks that an upload that does not allow a late MD5 returns it with its commit.
func TestLateMD5OnlyWhereAllowed(t *testing.T) {
	h := newHome(t, mem.New())
	s := h.open()
	defer h.close(s)
	body := lateBody()
	put(t, s, "/a", body)
	if info, err := s.Stat(t.Context(), "/a"); err != nil || info.MD5 != md5.Sum(body) {
		t.Errorf("%+v, %v", info, err)
	}
}
