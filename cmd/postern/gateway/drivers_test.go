package gateway

import (
	"errors"
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
	for _, url := range []string{"x", "/mnt/a", "s3://b/p", "DISK:/a", "disk:", "disk://host/share", "mem:x", ":", "disk",
		"mirror:", "mirror:disk:/a", "mirror:disk:/a,", "mirror:disk:/a,disk:/a/", "mirror:disk:/a,mem:", "mirror:disk:/a,mirror:disk:/b,disk:/c",
		"mirror:,disk:/a", "mirror:/a,/b", "mirror:disk:/a,disk:"} {
		_, err := Drivers(nil).Parse(url, home.Home("/h"))
		var usage *say.UsageError
		if !errors.As(err, &usage) {
			t.Errorf("%q: %v", url, err)
		}
	}
}
