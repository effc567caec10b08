// Package auth admits only the drive's user: HTTP Basic and Digest (RFC 7617, RFC 7616), and the checks that reject
// requests made by other web pages in the user's own browser.
//
// Neither scheme suffices for all clients: Windows refuses Basic without TLS, rclone and many others support nothing
// else, and some fail when two are offered. So Digest is offered only to clients that are known to need it. The
// password is random and made for this drive alone, so that plain MD5 Digest, the only variant that Windows and most
// others support, reveals nothing that could be guessed.
package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"postern/dav/page"
)

// The defaults of Options.
const (
	DefaultRealm    = "Postern"
	DefaultLifetime = time.Hour // a stale nonce only costs the client one more request
)

// Options of New. User and Password must be set; the zero value of the rest works.
type Options struct {
	User     string
	Password string
	Realm    string           // empty: DefaultRealm
	Hosts    []string         // names of the drive besides localhost and IP addresses; without port
	Clock    func() time.Time // nil: time.Now
	Rand     io.Reader        // for nonces; nil: crypto/rand
	Lifetime time.Duration    // how long a nonce is valid; 0: DefaultLifetime
	Log      *slog.Logger     // nil: silent
}

// New returns a wrapper that passes only the user's requests to a handler. OPTIONS needs no password: Finder and
// Windows send it before they log in, and stop at a 401.
func New(o Options) (func(http.Handler) http.Handler, error) {
	if o.User == "" || o.Password == "" {
		return nil, errors.New("authentication needs a user name and a password")
	}
	if strings.ContainsAny(o.User, ":\"\\") {
		return nil, errors.New("a user name for HTTP can't contain a colon, a quote or a backslash")
	}
	if o.Realm == "" {
		o.Realm = DefaultRealm
	}
	if strings.ContainsAny(o.Realm, "\"\\\r\n") {
		return nil, errors.New("a realm can't contain a quote or a backslash")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Lifetime <= 0 {
		o.Lifetime = DefaultLifetime
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d, err := newDigest(o)
	if err != nil {
		return nil, err
	}
	g := &gate{
		o: o, digest: d, hosts: newHosts(o.Hosts), cross: http.NewCrossOriginProtection(),
		user: sha256.Sum256([]byte(o.User)), password: sha256.Sum256([]byte(o.Password)),
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, next) })
	}, nil
}

type gate struct {
	o              Options
	digest         *digest
	hosts          hosts
	cross          *http.CrossOriginProtection
	user, password [sha256.Size]byte
}

func (g *gate) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if !g.hosts.allow(r.Host) {
		g.refuse(w, r, "The drive is not known by this host name; add it to the hosts in the settings if it should be.")
		return
	}
	// Safe methods pass the check: another page cannot read the responses, which carry no CORS headers. But it could
	// observe whether a picture or script loads, and how long that takes.
	if err := g.cross.Check(r); err != nil || embedded(r) {
		g.refuse(w, r, "Requests from other web pages are not accepted.")
		return
	}
	if r.Method == http.MethodOptions {
		next.ServeHTTP(w, r)
		return
	}
	switch ok, stale := g.check(r); {
	case ok:
		next.ServeHTTP(w, r.WithContext(withUser(r.Context(), g.o.User)))
	default:
		g.challenge(w, r, stale)
	}
}

// embedded reports whether a GET comes from another page that embeds the response: as a picture, a script, in a frame,
// by fetch. Following a link to the drive is allowed. Browsers that do not send Sec-Fetch headers (over plain http from
// another machine) still send the other page's origin with a fetch.
func embedded(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "":
		origin := r.Header.Get("Origin")
		u, err := url.Parse(origin)
		return origin != "" && (err != nil || !strings.EqualFold(u.Host, r.Host))
	case "same-origin", "none":
		return false
	}
	mode, dest := r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Dest")
	return mode != "" && mode != "navigate" || dest != "" && dest != "document"
}

// check reports whether a request has the user's credentials. stale: only the nonce is too old.
func (g *gate) check(r *http.Request) (ok, stale bool) {
	header := r.Header.Get("Authorization")
	scheme, rest, _ := strings.Cut(header, " ")
	switch {
	case strings.EqualFold(scheme, "Basic"):
		return g.basic(r), false
	case strings.EqualFold(scheme, "Digest"):
		return g.digest.check(r, rest)
	}
	return false, false
}

// basic compares hashes, so that the comparison takes the same time for all lengths.
func (g *gate) basic(r *http.Request) bool {
	name, password, ok := r.BasicAuth()
	nameSum, passwordSum := sha256.Sum256([]byte(name)), sha256.Sum256([]byte(password))
	same := subtle.ConstantTimeCompare(nameSum[:], g.user[:]) & subtle.ConstantTimeCompare(passwordSum[:], g.password[:])
	return ok && same == 1
}

func (g *gate) challenge(w http.ResponseWriter, r *http.Request, stale bool) {
	credentials := r.Header.Get("Authorization")
	if credentials != "" && !stale {
		g.o.Log.InfoContext(r.Context(), "wrong name or password", "from", r.RemoteAddr)
	}
	h := w.Header()
	scheme, _, _ := strings.Cut(credentials, " ")
	if offersDigest(r.UserAgent()) || strings.EqualFold(scheme, "Digest") {
		h.Add("WWW-Authenticate", g.digest.challenge(r.Host, stale)) // first, for clients that read only one
	}
	h.Add("WWW-Authenticate", `Basic realm="`+g.o.Realm+`", charset="UTF-8"`)
	// Finder expects this header on a 401 too, and without it does not treat the server as a WebDAV drive.
	h["DAV"] = []string{"1, 2, 3"} // the usual spelling; Set would write "Dav"
	say(w, r, http.StatusUnauthorized, "Name and password of the drive are needed.")
}

func (g *gate) refuse(w http.ResponseWriter, r *http.Request, message string) {
	g.o.Log.InfoContext(r.Context(), "request refused", "from", r.RemoteAddr, "host", r.Host, "origin",
		r.Header.Get("Origin"))
	say(w, r, http.StatusForbidden, message)
}

func say(w http.ResponseWriter, r *http.Request, status int, message string) {
	if page.WantsHTML(r) {
		page.Failure(w, r, status, message, "")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(message)+1))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		io.WriteString(w, message+"\n") //nolint:errcheck // nobody is left to tell
	}
}
