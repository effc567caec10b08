package dav

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"

	"postern/vfs"
)

// target is the resource of a URL.
type target struct {
	path  string // in the form of package vfs
	slash bool   // the URL ended in a slash
}

var (
	errForeign = errors.New("another server")
	errURL     = errors.New("not a URL of this drive")
)

// unescape turns the escaped path of a URL into a path of the drive. A name cannot contain a slash, so an escaped slash
// is an error; dots and doubled slashes are resolved and cannot lead out of the drive.
func unescape(escaped string, who profile) (target, error) {
	if !strings.HasPrefix(escaped, "/") {
		return target{}, errURL
	}
	segments := strings.Split(escaped, "/")
	for i, s := range segments {
		name, err := url.PathUnescape(s)
		if err != nil || strings.ContainsAny(name, "/\x00") {
			return target{}, errURL
		}
		if who.utf8Only() {
			name = vfs.RawPath(name)
		}
		name = vfs.NameFromRaw(name)
		if who.windows {
			name = fromWindows(name)
		}
		if len(name) > vfs.MaxName {
			return target{}, fail(http.StatusRequestURITooLong, "A name may have at most %d bytes.", vfs.MaxName)
		}
		segments[i] = name
	}
	p := strings.Join(segments, "/")
	return target{path: path.Clean(p), slash: strings.HasSuffix(p, "/")}, nil
}

// resolve parses an absolute URL or an absolute path from a header. It compares the host loosely: behind a proxy the
// client uses another port or scheme, and localhost has several names. A URL that is certainly of another server is
// errForeign.
func resolve(raw string, r *http.Request, who profile) (target, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Opaque != "" || u.User != nil && u.Host == "" {
		return target{}, errURL
	}
	if u.Host != "" && !sameHost(u.Host, r) {
		return target{}, errForeign
	}
	if u.Path == "" && u.Host != "" {
		return target{path: "/", slash: true}, nil
	}
	return unescape(u.EscapedPath(), who)
}

func sameHost(host string, r *http.Request) bool {
	host = hostname(host)
	for _, known := range []string{r.Host, r.Header.Get("X-Forwarded-Host")} {
		if known = hostname(known); known != "" && (known == host || loopback(known) && loopback(host)) {
			return true
		}
	}
	return false
}

func hostname(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		hostport = host
	}
	return strings.ToLower(strings.Trim(hostport, "[]"))
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

const upperhex = "0123456789ABCDEF"

// appendEscaped appends bytes in the form of an href: everything but unreserved characters (RFC 3986, 2.3) is escaped,
// in capitals. The RFC requires less, but one raw '#', '&' or quote makes Windows reject a whole listing, and the
// result needs no XML escapes.
func appendEscaped(b []byte, p string) []byte {
	for i := range len(p) {
		c := p[i]
		if c == '/' || c == '-' || c == '.' || c == '_' || c == '~' ||
			'0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' {
			b = append(b, c)
			continue
		}
		b = append(b, '%', upperhex[c>>4], upperhex[c&15])
	}
	return b
}

// appendHref appends the href of a resource in the form for this client; folders end in a slash. Names whose bytes are
// not UTF-8 are returned in these bytes.
func appendHref(b []byte, p string, folder bool, who profile) []byte {
	if !who.utf8Only() {
		p = vfs.RawPath(p)
	}
	if who.windows {
		p = toWindows(p)
	}
	b = appendEscaped(b, p)
	if folder && p != "/" {
		b = append(b, '/')
	}
	return b
}

// join appends a name to a path.
func join(folder, name string) string {
	if folder == "/" {
		return "/" + name
	}
	return folder + "/" + name
}

// within reports whether p is in folder, at any depth.
func within(p, folder string) bool {
	return p != folder && (folder == "/" || strings.HasPrefix(p, folder+"/"))
}
