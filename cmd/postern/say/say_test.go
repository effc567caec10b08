package say

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"postern/remote"
	"postern/vfs"
)

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 12345678: "12,345,678", -100: "-100",
		-1000: "-1,000"} {
		if got := Thousands(n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}

func TestSentence(t *testing.T) {
	deep := &vfs.Error{Op: "read", Path: "/a", Kind: vfs.ErrUnavailable, Err: fmt.Errorf("load the folder: %w",
		&remote.Error{
			Op: "get", On: "blob " + strings.Repeat("0123abcd", 8), Kind: remote.ErrUnavailable,
			Err: errors.New("dial: connection refused")})}
	if got := Whole(deep); !strings.Contains(got, "load the folder: get blob 0123abcd0123abcd") {
		t.Errorf("the whole error is %q", got)
	}
	if got := Whole(fmt.Errorf("gc: %w", Told(Sentence(deep), Whole(deep)))); got != "gc: "+Whole(deep) {
		t.Errorf("what a gateway told in whole is %q", got)
	}
	id := strings.Repeat("0123abcd", 8)
	if Whole(Advisef("blob %s is lost: run fsck", id)) != "blob "+id+" is lost: run fsck" {
		t.Error("an id is not whole")
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{deep, "read /a: storage can't be reached: connection refused: see that it can be reached and try again"},
		{&remote.Error{Op: "get", On: "blob " + strings.Repeat("0123abcd", 8), Kind: remote.ErrFull},
			"get blob 0123abcd…: no space left: make room there and try again"},
		{Advisef("blob %s is lost: run fsck", strings.Repeat("0123abcd", 8)), "blob 0123abcd… is lost: run fsck"},
		{fmt.Errorf("gc: %w", Told("it failed: try again", "")), "gc: it failed: try again"},
		{errors.New("plain"), "plain"},
		{errors.New("of\n  several\tlines"), "of several lines"},
		{Usagef("used wrongly: %w", syscall.ENOSPC), "used wrongly: no space left on device"},
		{fmt.Errorf("open: %w", Advisef("do this (%w)", syscall.EACCES)), "open: do this (permission denied)"},
		{&remote.Error{Op: "load", On: "x", Kind: remote.ErrRollback}, "load x: older than what was seen before: restore " +
			"the remote from its newest copy, or ask who keeps it; nothing here was changed"},
		{&remote.Error{Op: "put", On: "x", Kind: remote.ErrUnavailable, Err: errors.New("timeout")},
			"put x: not reachable: timeout: see that it can be reached and try again"},
		{&vfs.Error{Op: "write", Path: "/a", Kind: vfs.ErrFull}, "write /a: no space left: make room and try again"},
		{fmt.Errorf("write x: %w", syscall.ENOSPC), "write x: no space left on device: make room on that disk and try again"},
	} {
		if got := Sentence(c.err); got != c.want {
			t.Errorf("%q\nwant %q", got, c.want)
		}
	}
}
