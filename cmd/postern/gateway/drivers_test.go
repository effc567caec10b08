package gateway

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
)

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
		"s3://b/p/":                       "s3://b/p",
		"s3://b?ca=rel.pem":               "s3://b?ca=" + here + "/rel.pem",
		"mirror:disk:/a,s3://b?region=r":  "mirror:disk:/a,s3://b?region=r",
		"mirror:disk:/a,disk:/b/":         "mirror:disk:/a,disk:/b",
		"mirror:disk:/a,b,disk:/c,x:y":    "mirror:disk:/a,b,disk:/c,x:y",
		"mirror:disk:rel,disk:~/x,disk:/": "mirror:disk:" + here + "/rel,disk:/home/u/x,disk:/",
	} {
		got, err := Drivers(nil).Parse(url, home.Home("/h"))
		if err != nil || got.String() != want {
			t.Errorf("%q: %q, %v; want %q", url, got, err, want)
			continue
		}
		again, err := Drivers(nil).Parse(got.String(), home.Home("/h"))
		if err != nil || again.String() != want {
			t.Errorf("%q does not stay as it is: %q, %v", want, again, err)
		}
	}
	for _, url := range []string{"x", "/mnt/a", "gs://b/p", "DISK:/a", "s3:b", "s3://key:secret@b", "s3://b?no=x",
		"disk:", "disk://host/share", "mem:x", ":", "disk",
		"mirror:", "mirror:disk:/a", "mirror:disk:/a,", "mirror:disk:/a,disk:/a/", "mirror:disk:/a,mem:",
		"mirror:disk:/a,mirror:disk:/b,disk:/c",
		"mirror:,disk:/a", "mirror:/a,/b", "mirror:disk:/a,disk:"} {
		_, err := Drivers(nil).Parse(url, home.Home("/h"))
		var usage *say.UsageError
		if !errors.As(err, &usage) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// TestOwned: staged files are linked only into a store in the home itself, not into the target of a link there.
func TestOwned(t *testing.T) {
	dir := t.TempDir()
	h := home.Home(filepath.Join(dir, "home"))
	outside, linkedHome := filepath.Join(dir, "outside"), filepath.Join(dir, "linked")
	for _, folder := range []string{filepath.Join(h.String(), "sub"), outside,
		filepath.Join(linkedHome, "real", "remote")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{h.Remote(): outside,
		filepath.Join(linkedHome, "home"): filepath.Join(linkedHome, "real")} {
		if err := os.Symlink(to, link); err != nil {
			t.Skip("no links here:", err)
		}
	}
	for _, c := range []struct {
		home home.Home
		url  string
		want bool
	}{
		{h, "", false}, // a link that leads outside
		{h, "disk:" + filepath.Join(h.String(), "sub"), true},
		{h, "disk:" + filepath.Join(h.String(), "none"), false},
		{h, "disk:" + outside, false},
		{h, "mem:", false},
		{home.Home(filepath.Join(linkedHome, "home")), "", true}, // the whole home may be elsewhere
	} {
		to, err := Drivers(nil).Parse(c.url, c.home)
		if err != nil {
			t.Fatal(err)
		}
		if got := to.owned(c.home); got != c.want {
			t.Errorf("%q in %s: %v", c.url, c.home, got)
		}
	}
}
