package reach

import (
	"strings"
	"testing"
)

func TestHowTo(t *testing.T) {
	help := HowTo{URL: DriveURL("127.0.0.1:8090", "", false), User: "alice", Where: "/home/a b/it's/dav-password"}
	long := help.Long()
	for _, want := range []string{
		"http://127.0.0.1:8090/", "net use P: http://127.0.0.1:8090/ /user:alice *", "dav://alice@127.0.0.1:8090/",
		"webdav://alice@127.0.0.1:8090/",
		"mount -t davfs", "vendor=owncloud pacer_min_sleep=1ms user=alice", `pass="$(cat '/home/a b/it'\''s/dav-password')"`,
		"password in /home/a b/it's/dav-password",
	} {
		if !strings.Contains(long, want) {
			t.Errorf("the help lacks %q:\n%s", want, long)
		}
	}
	help.Password = "s3cret"
	if !strings.Contains(help.Long(), "password s3cret ") {
		t.Error("the password is not shown when it should be")
	}
	if strings.Contains(help.Short(), "s3cret") {
		t.Error("the short form shows the password")
	}
	set := HowTo{URL: DriveURL("[::]:80", "", false), User: "u", Where: "$POSTERN_DAV_PASSWORD"}
	if text := set.Long(); !strings.Contains(text, `pass="$POSTERN_DAV_PASSWORD"`) ||
		!strings.Contains(text, "http://127.0.0.1:80/") {
		t.Errorf("a password that is set, an address that is everywhere:\n%s", text)
	}
	if got := DriveURL("[::1]:80", "", false).String(); got != "http://[::1]:80/" {
		t.Errorf("version 6: %s", got)
	}
}
