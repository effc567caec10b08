package people_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"postern/vfs"
)

// TestSpeed prints how long sharing a folder of 100,000 files and taking it back takes, and what that uploads. It runs
// only if POSTERN_SPEED is set.
func TestSpeed(t *testing.T) {
	if os.Getenv("POSTERN_SPEED") == "" {
		t.Skip("POSTERN_SPEED is not set")
	}
	w := friends(t, "bob", "alice")
	bob, alice := w.users["bob"], w.users["alice"]
	bob.mkdir("/files/big")
	bob.mkdir("/files/big/0")
	for i := range 1000 {
		bob.puts(fmt.Sprintf("/files/big/0/%d.txt", i), "")
	}
	for i := range 99 {
		_, err := bob.drive.Copy(t.Context(), "/files/big/0", fmt.Sprintf("/files/big/%d", i+1), vfs.CopyOptions{})
		bob.does(err)
	}
	w.look()
	size := func() (sum int64) {
		for b, err := range w.store.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			sum += b.Size
		}
		return sum
	}
	for _, step := range []struct {
		what string
		do   func()
	}{
		{"share", func() { bob.shares("/files/big", true, "alice") }},
		{"unshare", func() { bob.unshare("/files/big", "alice") }},
	} {
		before, begun := size(), time.Now()
		step.do()
		t.Logf("%s: %v, %d bytes uploaded", step.what, time.Since(begun), size()-before)
		w.look()
		if step.what == "share" {
			alice.has("/shared/bob/big/99/1.txt", "")
		}
	}
}
