package auth

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// digest checks HTTP Digest (RFC 7616) with MD5 and qop=auth. SHA-256 is not offered as well: programs that parse all
// challenges as one (the npm package "webdav") confuse the two algorithms and cannot log in, and no known program needs
// it. A nonce contains its own time and is sealed with a key, so unauthenticated requests need no memory. A nonce is
// valid for the host that it was issued for, and each count (nc) for one request that changes something.
type digest struct {
	o   Options
	key [32]byte
	ha1 string // H(name:realm:password)

	salt   atomic.Uint64
	counts counts
}

func newDigest(o Options) (*digest, error) {
	d := &digest{o: o}
	if _, err := io.ReadFull(o.Rand, d.key[:]); err != nil {
		return nil, fmt.Errorf("make a key for nonces: %w", err)
	}
	d.ha1 = digestSum(o.User, o.Realm, o.Password)
	return d, nil
}

// digestSum is H of RFC 7616 over parts joined by colons.
func digestSum(parts ...string) string {
	sum := md5.Sum([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(sum[:])
}

// challenge returns the WWW-Authenticate value for a host.
func (d *digest) challenge(host string, stale bool) string {
	c := fmt.Sprintf(`Digest realm="%s", nonce="%s", qop="auth", algorithm=MD5, charset=UTF-8`, d.o.Realm, d.nonce(host))
	if stale {
		c += ", stale=true"
	}
	return c
}

// The parts of a nonce, in bytes.
const (
	timeSize = 8 // milliseconds since 1970
	saltSize = 8 // separates clients that ask in the same millisecond
	macSize  = 16
)

// nonce returns a new nonce for a host.
func (d *digest) nonce(host string) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(d.o.Clock().UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, d.salt.Add(1))
	return base64.RawURLEncoding.EncodeToString(append(b, d.mac(b, host)...))
}

func (d *digest) mac(b []byte, host string) []byte {
	m := hmac.New(sha256.New, d.key[:])
	m.Write(b)                               //nolint:errcheck // a hash never fails
	io.WriteString(m, strings.ToLower(host)) //nolint:errcheck // as above
	return m.Sum(nil)[:macSize]
}

// fresh reports whether a nonce was made here, for this host and recently enough, and its time in milliseconds.
func (d *digest) fresh(nonce, host string) (made int64, ok bool) {
	const sealed = timeSize + saltSize
	b, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(b) != sealed+macSize || !hmac.Equal(b[sealed:], d.mac(b[:sealed], host)) {
		return 0, false
	}
	made = int64(binary.BigEndian.Uint64(b))
	age := d.o.Clock().Sub(time.UnixMilli(made))
	return made, age >= 0 && age <= d.o.Lifetime
}

// check reports whether the credentials are right. stale: they are, but the nonce is too old, from before a restart or
// for another host, or its count was used. The client then retries with a new nonce without asking its user.
func (d *digest) check(r *http.Request, credentials string) (ok, stale bool) {
	p, ok := parseParams(credentials)
	if !ok {
		return false, false
	}
	known := p["algorithm"] == "" || strings.EqualFold(p["algorithm"], "MD5")
	if !known || p["qop"] != "auth" || p["nc"] == "" || p["cnonce"] == "" || p["realm"] != d.o.Realm ||
		!sameTarget(p["uri"], r) {
		return false, false
	}
	want := digestSum(d.ha1, p["nonce"], p["nc"], p["cnonce"], p["qop"], digestSum(r.Method, p["uri"]))
	right := subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(p["response"]))) &
		subtle.ConstantTimeCompare([]byte(p["username"]), []byte(d.o.User))
	if right != 1 {
		return false, false
	}
	made, ok := d.fresh(p["nonce"], r.Host)
	if !ok || changes(r.Method) && !d.counts.use(p["nonce"], made, p["nc"]) {
		return false, true
	}
	return true, false
}

// changes reports whether a method can change something, so that a replay must be rejected.
func changes(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, "PROPFIND":
		return false
	}
	return true
}

// sameTarget reports whether the signed uri is the requested one, with its host, if it has one, and its query. Clients
// and proxies write one address in several ways, so the path is compared unescaped.
func sameTarget(uri string, r *http.Request) bool {
	if uri == r.RequestURI {
		return true
	}
	u, err := url.ParseRequestURI(uri)
	return err == nil && (u.Host == "" || strings.EqualFold(u.Host, r.Host)) && u.Path == r.URL.Path &&
		u.RawQuery == r.URL.RawQuery
}

// maxParams bounds the header; real ones have ten.
const maxParams = 32

// parseParams reads name=value and name="quoted" pairs (RFC 9110, 11.2). A name that comes twice is an error.
func parseParams(s string) (map[string]string, bool) {
	params := map[string]string{}
	for {
		s = strings.TrimLeft(s, " \t,")
		if s == "" {
			return params, len(params) > 0
		}
		name, rest, ok := strings.Cut(s, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if !ok || name == "" || strings.ContainsAny(name, " \t,\"") || len(params) >= maxParams {
			return nil, false
		}
		value, rest, ok := paramValue(strings.TrimLeft(rest, " \t"))
		if _, twice := params[name]; twice || !ok {
			return nil, false
		}
		params[name] = value
		s = rest
	}
}

func paramValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexByte(s, ',')
		if end < 0 {
			end = len(s)
		}
		return strings.TrimSpace(s[:end]), s[end:], true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			rest = strings.TrimLeft(s[i+1:], " \t")
			return b.String(), rest, rest == "" || rest[0] == ','
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}
