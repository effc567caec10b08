package s3

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Place is where a remote lies: the parsed form of s3://bucket/prefix?endpoint=…&region=….
type Place struct {
	Bucket   string
	Prefix   string // without slashes at its ends; empty: the whole bucket
	Endpoint string // URL of the server; empty: AWS
	Region   string // empty: that of the environment or profile, else us-east-1
	Profile  string // of the AWS configuration files; empty: the environment's, else the default one
	CA       string // path of a PEM file with further authorities to trust; empty: none
	Style    string // "path" or "host": where the bucket's name stands; empty: path with an endpoint, host without
}

// Form is how the URL is written, for help and sentences.
const Form = "s3://bucket/prefix?endpoint=https://…&region=…"

// parameters are the names of the settings in a URL, in the order of String.
var parameters = []string{"endpoint", "region", "profile", "ca", "style"}

// field returns the field of a parameter.
func (p *Place) field(name string) *string {
	return map[string]*string{
		"endpoint": &p.Endpoint, "region": &p.Region, "profile": &p.Profile, "ca": &p.CA, "style": &p.Style,
	}[name]
}

// ParsePlace reads what follows "s3:" in a URL. Its errors are sentences for a user, and hold no secrets.
func ParsePlace(rest string) (p Place, err error) {
	u, err := url.Parse("s3:" + rest)
	switch {
	case err != nil:
		return p, fmt.Errorf("the remote is no URL of the form %s", Form)
	case u.User != nil:
		return p, fmt.Errorf("the remote holds a password: give the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "+
			"in a profile of ~/.aws/credentials, and write the remote as %s", Form)
	case u.Host == "" || u.Opaque != "":
		return p, fmt.Errorf("the remote s3:%s names no bucket: write it as %s", rest, Form)
	case u.Fragment != "":
		return p, fmt.Errorf("the remote has a part after #: write it as %s", Form)
	case strings.ContainsAny(u.Host, ":%"):
		return p, fmt.Errorf("%q is no name of a bucket: name the server with ?endpoint=", u.Host)
	}
	p.Bucket = u.Host
	p.Prefix = strings.Trim(u.Path, "/")
	for _, part := range strings.Split(p.Prefix, "/") {
		if part == "." || part == ".." || part == "" && p.Prefix != "" {
			return p, fmt.Errorf("the prefix %q has an empty part, or one that is a dot or two", p.Prefix)
		}
	}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return p, fmt.Errorf("the settings after ? can't be read: write the remote as %s", Form)
	}
	for name, value := range values {
		if !slices.Contains(parameters, name) || len(value) != 1 {
			return p, fmt.Errorf("the remote has the setting %q, which is not known or is there twice: there are %s", name,
				strings.Join(parameters, ", "))
		}
		*p.field(name) = value[0]
	}
	return p, p.check()
}

// check rejects values that can't be right.
func (p *Place) check() error {
	if p.Style != "" && p.Style != "path" && p.Style != "host" {
		return fmt.Errorf("style=%s is not known: it is path or host", p.Style)
	}
	if p.Endpoint == "" {
		return nil
	}
	e, err := url.Parse(p.Endpoint)
	if err != nil || e.Scheme != "http" && e.Scheme != "https" || e.Host == "" || e.User != nil ||
		strings.Trim(e.Path, "/") != "" || e.RawQuery != "" || e.Fragment != "" {
		return fmt.Errorf("the endpoint must be the URL of a server without path, as https://s3.example.org")
	}
	p.Endpoint = e.Scheme + "://" + e.Host
	return nil
}

// String returns the URL in its normal form. It holds no secrets.
func (p Place) String() string {
	s := "s3://" + p.Bucket
	if p.Prefix != "" {
		s += "/" + (&url.URL{Path: p.Prefix}).EscapedPath()
	}
	separator := "?"
	for _, name := range parameters {
		if value := *p.field(name); value != "" {
			s += separator + name + "=" + legible.Replace(url.QueryEscape(value))
			separator = "&"
		}
	}
	return s
}

// legible keeps colons and slashes, which need no escape in a query.
var legible = strings.NewReplacer("%3A", ":", "%2F", "/")

// pathStyle reports whether the bucket's name stands in the path of requests.
func (p Place) pathStyle() bool { return p.Style == "path" || p.Style == "" && p.Endpoint != "" }

// key returns the name of an object.
func (p Place) key(parts ...string) string {
	if p.Prefix != "" {
		parts = slices.Insert(parts, 0, p.Prefix)
	}
	return strings.Join(parts, "/")
}
