package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"postern/cmd/postern/home"
	"postern/remote"
	"postern/vfs"
)

func TestSentence(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("plain"), "plain"},
		{errors.New("of\n  several\tlines"), "of several lines"},
		{usagef("used wrongly: %w", syscall.ENOSPC), "used wrongly: no space left on device"},
		{fmt.Errorf("open: %w", advisef("do this (%w)", syscall.EACCES)), "open: do this (permission denied)"},
		{&remote.Error{Op: "load", On: "x", Kind: remote.ErrRollback}, "load x: older than what was seen before: restore the remote from its newest copy, or ask who keeps it; nothing here was changed"},
		{&remote.Error{Op: "put", On: "x", Kind: remote.ErrUnavailable, Err: errors.New("timeout")}, "put x: not reachable: timeout: see that it can be reached and try again"},
		{&vfs.Error{Op: "write", Path: "/a", Kind: vfs.ErrFull}, "write /a: no space left: make room and try again"},
		{fmt.Errorf("write x: %w", syscall.ENOSPC), "write x: no space left on device: make room on that disk and try again"},
	} {
		if got := sentence(c.err); got != c.want {
			t.Errorf("%q\nwant %q", got, c.want)
		}
	}
}

func TestParseRemote(t *testing.T) {
	t.Setenv("HOME", "/home/u")
	t.Chdir(t.TempDir())
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{
		"":                                "disk:/h/remote",
		"disk:/mnt/a":                     "disk:/mnt/a",
		"disk:///mnt/a/":                  "disk:/mnt/a",
		"disk:/mnt/../b":                  "disk:/b",
		"disk:rel":                        "disk:" + here + "/rel",
		"disk:~/backup":                   "disk:/home/u/backup",
		"disk:/with:colo":                 "disk:/with:colo",
		"mem:":                            "mem:",
		"mirror:disk:/a,disk:/b/":         "mirror:disk:/a,disk:/b",
		"mirror:disk:/a,b,disk:/c,x:y":    "mirror:disk:/a,b,disk:/c,x:y",
		"mirror:disk:rel,disk:~/x,disk:/": "mirror:disk:" + here + "/rel,disk:/home/u/x,disk:/",
	} {
		got, err := parseRemote(url, home.Home("/h"))
		if err != nil || got.String() != want {
			t.Errorf("%q: %q, %v; want %q", url, got, err, want)
			continue
		}
		again, err := parseRemote(got.String(), home.Home("/h"))
		if err != nil || again.String() != want {
			t.Errorf("%q does not stay as it is: %q, %v", want, again, err)
		}
	}
	for _, url := range []string{"x", "/mnt/a", "s3://b/p", "DISK:/a", "disk:", "disk://host/share", "mem:x", ":", "disk",
		"mirror:", "mirror:disk:/a", "mirror:disk:/a,", "mirror:disk:/a,disk:/a/", "mirror:disk:/a,mem:", "mirror:disk:/a,mirror:disk:/b,disk:/c",
		"mirror:,disk:/a", "mirror:/a,/b", "mirror:disk:/a,disk:"} {
		_, err := parseRemote(url, home.Home("/h"))
		var usage *usageError
		if !errors.As(err, &usage) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestHowTo(t *testing.T) {
	help := howTo{url: driveURL("127.0.0.1:8090", "", false), user: "alice", where: "/home/a b/it's/dav-password"}
	long := help.long()
	for _, want := range []string{
		"http://127.0.0.1:8090/", "net use P: http://127.0.0.1:8090/ /user:alice *", "dav://alice@127.0.0.1:8090/", "webdav://alice@127.0.0.1:8090/",
		"mount -t davfs", "vendor=owncloud pacer_min_sleep=1ms user=alice", `pass="$(cat '/home/a b/it'\''s/dav-password')"`, "password in /home/a b/it's/dav-password",
	} {
		if !strings.Contains(long, want) {
			t.Errorf("the help lacks %q:\n%s", want, long)
		}
	}
	help.password = "s3cret"
	if !strings.Contains(help.long(), "password s3cret ") {
		t.Error("the password is not shown when it should be")
	}
	if strings.Contains(help.short(), "s3cret") {
		t.Error("the short form shows the password")
	}
	set := howTo{url: driveURL("[::]:80", "", false), user: "u", where: "$POSTERN_DAV_PASSWORD"}
	if text := set.long(); !strings.Contains(text, `pass="$POSTERN_DAV_PASSWORD"`) || !strings.Contains(text, "http://127.0.0.1:80/") {
		t.Errorf("a password that is set, an address that is everywhere:\n%s", text)
	}
	if got := driveURL("[::1]:80", "", false).String(); got != "http://[::1]:80/" {
		t.Errorf("version 6: %s", got)
	}
}
