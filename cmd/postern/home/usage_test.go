package home

import (
	"os"
	"runtime"
	"testing"
	"time"

	"postern/remote"
)

// TestUsage: the counts of a day survive a restart, are written seldom, and end with the day.
func TestUsage(t *testing.T) {
	h := Home(t.TempDir())
	now := time.Date(2026, 11, 30, 22, 0, 0, 0, time.Local)
	clock := func() time.Time { return now }
	today := func(u *Usage, url string, want remote.Usage) {
		t.Helper()
		if got := u.Today(url); got != want {
			t.Errorf("%s today: %+v instead of %+v", url, got, want)
		}
	}
	u := h.OpenUsage(clock)
	u.Close()
	if _, err := os.Stat(h.Usage()); err == nil {
		t.Error("nothing was asked, and there is a file")
	}
	u = h.OpenUsage(clock)
	bucket, disk := u.Of("s3://a"), u.Of("disk:/b")
	bucket(remote.Usage{Writes: 1})
	bucket(remote.Usage{Reads: 2, Received: 10})
	disk(remote.Usage{Sent: 5, Errors: 1})
	if _, err := os.Stat(h.Usage()); err == nil {
		t.Error("the file is written at once")
	}
	u.Close()
	if info, err := os.Stat(h.Usage()); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}

	u = h.OpenUsage(clock)
	bucket = u.Of("s3://a")
	today(u, "s3://a", remote.Usage{Writes: 1, Reads: 2, Received: 10})
	today(u, "disk:/b", remote.Usage{Sent: 5, Errors: 1})
	bucket(remote.Usage{Deletions: 1})
	now = now.Add(usageEvery)
	bucket(remote.Usage{Writes: 1}) // written now, as a gateway that is killed can't do
	killed := h.OpenUsage(clock)
	today(killed, "s3://a", remote.Usage{Writes: 2, Reads: 2, Deletions: 1, Received: 10})

	now = now.Add(2 * time.Hour)
	today(u, "s3://a", remote.Usage{})
	bucket(remote.Usage{Reads: 1})
	today(u, "s3://a", remote.Usage{Reads: 1})
	if got, want := u.Total(), (remote.Usage{Writes: 1, Reads: 1, Deletions: 1}); got != want {
		t.Errorf("since it was opened: %+v instead of %+v", got, want)
	}

	for _, damaged := range []string{"", "{", `{"day":"2026-12-01","remotes":null}`, `[1]`} {
		if err := os.WriteFile(h.Usage(), []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		u := h.OpenUsage(clock)
		u.Of("s3://a")(remote.Usage{Reads: 3})
		today(u, "s3://a", remote.Usage{Reads: 3})
	}
}
