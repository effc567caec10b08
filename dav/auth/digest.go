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
	"time"
)

// digest checks HTTP Digest (RFC 7616) with MD5 and qop=auth. SHA-256 is not offered beside it: programs that read all
// challenges as one (the npm package "webdav") take its name for MD5's and never get in, and none was found that needs it. Its nonces hold their own time and are sealed with a key, so nothing is
// remembered for strangers who only knock. The counts (nc) are not compared: clients send requests in parallel, and who could
// replay one within an hour could read the drive's answers as well.
type digest struct {
	o   Options
	key [32]byte
	ha1 string // H(name:realm:password)
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

// challenge is the WWW-Authenticate value.
func (d *digest) challenge(stale bool) string {
	c := fmt.Sprintf(`Digest realm="%s", nonce="%s", qop="auth", algorithm=MD5, charset=UTF-8`, d.o.Realm, d.nonce())
	if stale {
		c += ", stale=true"
	}
	return c
}

const macSize = 16

// nonce is the time it was made at and a MAC of that.
func (d *digest) nonce() string {
	b := binary.BigEndian.AppendUint64(nil, uint64(d.o.Clock().UnixMilli()))
	return base64.RawURLEncoding.EncodeToString(append(b, d.mac(b)...))
}

func (d *digest) mac(b []byte) []byte {
	m := hmac.New(sha256.New, d.key[:])
	m.Write(b) //nolint:errcheck // a hash never fails
	return m.Sum(nil)[:macSize]
}

// fresh tells whether a nonce was made here and not too long ago.
func (d *digest) fresh(nonce string) bool {
	b, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(b) != 8+macSize || !hmac.Equal(b[8:], d.mac(b[:8])) {
		return false
	}
	age := d.o.Clock().Sub(time.UnixMilli(int64(binary.BigEndian.Uint64(b))))
	return age >= 0 && age <= d.o.Lifetime
}

// check tells whether the credentials are right. stale: they are, but for the age of the nonce (or a restart meanwhile).
func (d *digest) check(r *http.Request, credentials string) (ok, stale bool) {
	p, ok := parseParams(credentials)
	if !ok {
		return false, false
	}
	known := p["algorithm"] == "" || strings.EqualFold(p["algorithm"], "MD5")
	if !known || p["qop"] != "auth" || p["nc"] == "" || p["cnonce"] == "" || p["realm"] != d.o.Realm || !sameTarget(p["uri"], r) {
		return false, false
	}
	want := digestSum(d.ha1, p["nonce"], p["nc"], p["cnonce"], p["qop"], digestSum(r.Method, p["uri"]))
	right := subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(p["response"]))) &
		subtle.ConstantTimeCompare([]byte(p["username"]), []byte(d.o.User))
	if right != 1 {
		return false, false
	}
	if !d.fresh(p["nonce"]) {
		return false, true
	}
	return true, false
}

// sameTarget tells whether the uri that was signed is the one that was asked for. Clients and proxies write one address in
// several ways, so it is compared unescaped.
func sameTarget(uri string, r *http.Request) bool {
	if uri == r.RequestURI {
		return true
	}
	u, err := url.Parse(uri)
	return err == nil && u.Path == r.URL.Path && (u.RawQuery == r.URL.RawQuery || u.RawQuery == "")
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
