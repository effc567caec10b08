package s3

import (
	"strings"
	"testing"
)

func TestParsePlace(t *testing.T) {
	for in, want := range map[string]string{
		"//b":          "s3://b",
		"//b/":         "s3://b",
		"//b/p/q/":     "s3://b/p/q",
		"//b/my drive": "s3://b/my%20drive",
		"//b/p?endpoint=https://s3.example.org&region=eu-central-1"://
		"s3://b/p?endpoint=https://s3.example.org&region=eu-central-1",
		"//b?region=r&endpoint=http://127.0.0.1:9000/": "s3://b?endpoint=http://127.0.0.1:9000&region=r",
		"//b?style=host&profile=work&ca=/etc/ca.pem":   "s3://b?profile=work&ca=/etc/ca.pem&style=host",
	} {
		p, err := ParsePlace(in)
		if err != nil || p.String() != want {
			t.Errorf("s3:%s is %q (%v), want %q", in, p, err, want)
			continue
		}
		if again, err := ParsePlace(strings.TrimPrefix(p.String(), "s3:")); err != nil || again != p {
			t.Errorf("%q is read as %+v (%v), want %+v", p, again, err, p)
		}
	}
}

func TestParsePlaceRefuses(t *testing.T) {
	for in, says := range map[string]string{
		"":                            "names no bucket",
		"bucket":                      "names no bucket",
		"///p":                        "names no bucket",
		"//key:secret@b/p":            "holds a password",
		"//b:9000/p":                  "no name of a bucket",
		"//b/a//c":                    "empty part",
		"//b/../c":                    "a dot or two",
		"//b#x":                       "after #",
		"//b?regio=x":                 `"regio"`,
		"//b?region=x&region=y":       "there twice",
		"//b?endpoint=s3.example.org": "must be the URL",
		"//b?endpoint=https://h/path": "must be the URL",
		"//b?endpoint=https://u:p@h":  "must be the URL",
		"//b?style=dns":               "style=dns",
		"//b?region=%zz":              "can't be read",
		"//b/\x7f":                    "no URL",
	} {
		_, err := ParsePlace(in)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("s3:%s: %v, want it to say %q", in, err, says)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("s3:%s: the error shows a secret: %v", in, err)
		}
	}
}

// FuzzParsePlace: what is accepted has a normal form, which is read as the same place.
func FuzzParsePlace(f *testing.F) {
	f.Add("//bucket/prefix?endpoint=https://s3.example.org&region=eu-central-1")
	f.Add("//b?style=host&profile=a%20b&ca=/x")
	f.Fuzz(func(t *testing.T, in string) {
		p, err := ParsePlace(in)
		if err != nil {
			return
		}
		again, err := ParsePlace(strings.TrimPrefix(p.String(), "s3:"))
		if err != nil || again != p {
			t.Errorf("%q is read as %+v (%v), want %+v", p, again, err, p)
		}
	})
}
