package auth

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/crypto/alloctest"
)

// door is a wrapped handler with the test's clock. The handler behind it reports the user of each request.
type door struct {
	t   *testing.T
	h   http.Handler
	now time.Time
	log bytes.Buffer
}

func newDoor(t *testing.T, o Options) *door {
	t.Helper()
	d := &door{t: t, now: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}
	o.User, o.Password = "alice", "s3cret:é"
	o.Clock = func() time.Time { return d.now }
	o.Log = slog.New(slog.NewTextHandler(&d.log, nil))
	wrap, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	d.h = wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "user=%q", User(r.Context()))
	}))
	return d
}

func (d *door) do(method, target string, headers ...string) *httptest.ResponseRecorder {
	d.t.Helper()
	r := httptest.NewRequestWithContext(d.t.Context(), method, target, nil)
	r.Host = "localhost:8090"
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	d.h.ServeHTTP(w, r)
	return w
}

func (d *door) want(code int, method, target string, headers ...string) *httptest.ResponseRecorder {
	d.t.Helper()
	w := d.do(method, target, headers...)
	if w.Code != code {
		d.t.Errorf("%s %s %v: %d, want %d: %s", method, target, headers, w.Code, code, w.Body)
	}
	return w
}

func basic(user, password string) string {
	r := httptest.NewRequest("GET", "/", nil)
	r.SetBasicAuth(user, password)
	return "Authorization: " + r.Header.Get("Authorization")
}

const windows = "User-Agent: Microsoft-WebDAV-MiniRedir/10.0.22631"

var right = basic("alice", "s3cret:é")

func TestBasic(t *testing.T) {
	d := newDoor(t, Options{})
	if w := d.want(200, "GET", "/x", right); w.Body.String() != `user="alice"` {
		t.Errorf("the handler sees %s", w.Body)
	}
	for _, header := range []string{
		basic("alice", "wrong"), basic("bob", "s3cret:é"), basic("alice", ""), basic("", ""), basic("alice", "s3cret:é "),
		"Authorization: Basic", "Authorization: Basic !!!", "Authorization: Bearer x", "X-Nothing: x",
	} {
		for _, method := range []string{"GET", "PUT", "PROPFIND", "DELETE", "HEAD"} {
			w := d.want(401, method, "/x", header)
			if strings.Contains(w.Body.String(), "user=") {
				t.Errorf("%s went through", header)
			}
		}
	}
	if strings.Contains(d.log.String(), "s3cret") {
		t.Errorf("the log has secrets: %s", d.log.String())
	}
}

func TestChallenge(t *testing.T) {
	d := newDoor(t, Options{})
	w := d.want(401, "PROPFIND", "/", windows)
	got := w.Header()["DAV"] //nolint:staticcheck // it is spelt so on purpose
	if len(got) != 1 || got[0] != "1, 2, 3" {
		t.Errorf("DAV is %q: Finder needs it on a 401, and in capitals", got)
	}
	all := w.Header().Values("WWW-Authenticate")
	// One Digest alone: Windows knows MD5 only, and the npm package "webdav" takes the last algorithm that it reads.
	if len(all) != 2 || !strings.Contains(all[0], "algorithm=MD5") || !strings.HasPrefix(all[1], "Basic realm=") {
		t.Errorf("challenges %q", all)
	}
}

// TestOffers: clients that fail when offered Digest see Basic alone; those that need Digest see it first.
func TestOffers(t *testing.T) {
	d := newDoor(t, Options{})
	offer := func(headers ...string) string {
		var schemes []string
		for _, c := range d.want(401, "PROPFIND", "/files", headers...).Header().Values("WWW-Authenticate") {
			scheme, _, _ := strings.Cut(c, " ")
			schemes = append(schemes, scheme)
		}
		return strings.Join(schemes, " ")
	}
	for agent, want := range map[string]string{
		"": "Basic", "Go-http-client/1.1": "Basic", "duplicity 0.8.22": "Basic", "rclone/v1.75.1": "Basic",
		"davfs2/1.6.1 neon/0.32.5":                               "Basic",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0": "Basic", "libcurl": "Basic",
		"Microsoft-WebDAV-MiniRedir/10.0.22631": "Digest Basic", "DavClnt": "Digest Basic",
		"Microsoft Office Word/16.0.17328 (Windows/10.0)":            "Digest Basic",
		"Mozilla/4.0 (compatible; ms-office; MSOffice 16)":           "Digest Basic",
		"Microsoft Data Access Internet Publishing Provider DAV 1.1": "Digest Basic",
		"WebDAVFS/3.0.0 (03008000) Darwin/24.4.0 (arm64)":            "Digest Basic", "curl/8.9.1": "Digest Basic",
		"node": "Digest Basic",
	} {
		if got := offer("User-Agent: " + agent); got != want {
			t.Errorf("%q is offered %q, want %q", agent, got, want)
		}
	}
	if got := offer("Authorization: Digest username=\"alice\""); got != "Digest Basic" {
		t.Errorf("who speaks Digest is offered %q", got)
	}
	if got := offer(basic("alice", "wrong")); got != "Basic" {
		t.Errorf("who speaks Basic is offered %q", got)
	}
}

func TestOptionsIsForEverybody(t *testing.T) {
	d := newDoor(t, Options{})
	if w := d.want(200, "OPTIONS", "/files"); w.Body.String() != `user=""` {
		t.Errorf("a stranger is %s", w.Body)
	}
	d.want(403, "OPTIONS", "/files", "Host: evil.example")
}

func TestHosts(t *testing.T) {
	d := newDoor(t, Options{Hosts: []string{"Drive.Example", "with.port:99"}})
	for host, code := range map[string]int{
		"localhost": 200, "localhost:8090": 200, "LOCALHOST.": 200, "127.0.0.1:8090": 200, "[::1]:8090": 200, "[::1]": 200,
		"192.168.1.5":   200,
		"x.localhost:1": 200, "drive.example": 200, "drive.example:443": 200, "DRIVE.example.": 200, "with.port": 200,
		"evil.example": 403, "drive.example.evil": 403, "127.0.0.1.evil.example": 403, "": 403, "localhost.evil.example": 403,
		"evillocalhost": 403,
	} {
		d.want(code, "GET", "/", right, "Host: "+host)
	}
}

func TestOtherPages(t *testing.T) {
	d := newDoor(t, Options{})
	tests := []struct {
		method  string
		headers []string
		code    int
	}{
		{"PUT", nil, 200}, // no browser
		{"PUT", []string{"Sec-Fetch-Site: same-origin"}, 200},
		{"PUT", []string{"Sec-Fetch-Site: none"}, 200},
		{"PUT", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"PUT", []string{"Sec-Fetch-Site: same-site"}, 403},
		{"PUT", []string{"Origin: http://localhost:8090"}, 200},
		{"PUT", []string{"Origin: http://localhost:3000"}, 403},
		{"PUT", []string{"Origin: https://evil.example"}, 403},
		{"PUT", []string{"Origin: null"}, 403},
		{"DELETE", []string{"Origin: null"}, 403},
		{"MOVE", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"PROPFIND", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"LOCK", []string{"Origin: https://evil.example"}, 403},
		{"POST", []string{"Origin: https://evil.example"}, 403},
		{"GET", []string{"Sec-Fetch-Site: cross-site"}, 200}, // a link
		{"GET", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}, 200},
		{"GET", []string{"Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}, 200},
		{"GET", []string{"Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}, 200},
		{"GET", []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"}, 200},
		{"GET", []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"}, 200},
		{"GET", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"}, 403},
		{"HEAD", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"}, 403},
		// Another port of this machine.
		{"GET", []string{"Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script"}, 403},
		{"GET", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: video"}, 403},
		{"GET", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"}, 403},
		{"GET", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: object"}, 403},
		{"GET", []string{"Origin: https://evil.example"}, 403},
		{"GET", []string{"Origin: null"}, 403},
		{"GET", []string{"Origin: http://localhost:8090"}, 200},
	}
	for _, tt := range tests {
		w := d.want(tt.code, tt.method, "/files/x", append(tt.headers, right)...)
		if w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Error("another page is let in")
		}
	}
}

// client sends Digest credentials as in RFC 7616.
type client struct {
	user, password, realm, nonce, algorithm, uri, method, nc string
	extra                                                    string
}

func (c client) header() string {
	sum := func(parts ...string) string {
		h := md5.Sum([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(h[:])
	}
	response := sum(sum(c.user, c.realm, c.password), c.nonce, c.nc, "0a4f113b", "auth", sum(c.method, c.uri))
	algorithm := ""
	if c.algorithm != "" {
		algorithm = "algorithm=" + c.algorithm + ", "
	}
	return fmt.Sprintf(`Authorization: Digest username="%s", realm="%s", nonce="%s", uri="%s", %sresponse="%s", `+
		`qop=auth, nc=%s, cnonce="0a4f113b"%s`,
		c.user, c.realm, c.nonce, c.uri, algorithm, response, c.nc, c.extra)
}

func (d *door) nonce() string {
	d.t.Helper()
	w := d.do("GET", "/", windows)
	return regexp.MustCompile(`nonce="([^"]*)"`).FindStringSubmatch(w.Header().Get("WWW-Authenticate"))[1]
}

func TestDigest(t *testing.T) {
	d := newDoor(t, Options{})
	good := client{
		user: "alice", password: "s3cret:é", realm: DefaultRealm, nonce: d.nonce(), algorithm: "MD5", uri: "/files/a%20b",
		method: "GET", nc: "00000001",
	}
	tests := []struct {
		name   string
		change func(*client)
		code   int
	}{
		{"MD5", func(*client) {}, 200},
		{"no algorithm", func(c *client) { c.algorithm = "" }, 200},
		{"an algorithm that was not offered", func(c *client) { c.algorithm = "SHA-256" }, 401},
		{"unknown algorithm", func(c *client) { c.algorithm = "MD5-sess" }, 401},
		{"password", func(c *client) { c.password = "x" }, 401},
		{"user", func(c *client) { c.user = "bob" }, 401},
		{"realm", func(c *client) { c.realm = "other" }, 401},
		{"method", func(c *client) { c.method = "PUT" }, 401},
		{"another address", func(c *client) { c.uri = "/files/other" }, 401},
		{"address written otherwise", func(c *client) { c.uri = "/files/%61 b" }, 200},
		{"address with a query", func(c *client) { c.uri = "/files/a%20b?x" }, 401},
		{"address of another host", func(c *client) { c.uri = "http://other:8090/files/a%20b" }, 401},
		{"whole address", func(c *client) { c.uri = "http://localhost:8090/files/a%20b" }, 200},
		{"no count", func(c *client) { c.nc = "" }, 401},
		{"twice", func(c *client) { c.extra = `, username="alice"` }, 401},
		{"more", func(c *client) { c.extra = `, opaque="x\"y", userhash=false` }, 200},
		{"open quote", func(c *client) { c.extra = `, opaque="x` }, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d.t = t
			c := good
			tt.change(&c)
			w := d.want(tt.code, "GET", "/files/a%20b", c.header())
			if strings.Contains(w.Header().Get("WWW-Authenticate"), "stale") {
				t.Error("wrong is not stale")
			}
		})
	}
}

func TestNoncesGrowStale(t *testing.T) {
	d := newDoor(t, Options{Lifetime: time.Minute})
	c := client{user: "alice", password: "s3cret:é", realm: DefaultRealm, nonce: d.nonce(), uri: "/", method: "GET",
		nc: "00000001"}
	d.now = d.now.Add(time.Minute)
	d.want(200, "GET", "/", c.header())
	d.now = d.now.Add(time.Millisecond)
	stale := func(c client) bool {
		t.Helper()
		return strings.Contains(d.want(401, "GET", "/", c.header()).Header().Get("WWW-Authenticate"), "stale=true")
	}
	if !stale(c) {
		t.Error("a client with an old nonce would ask its user again")
	}
	wrong := c
	wrong.password = "guess"
	if stale(wrong) {
		t.Error("stale reveals to a stranger that a resource exists")
	}
	made := c
	made.nonce = newDoor(t, Options{}).nonce() // of another run
	if !stale(made) {
		t.Error("after a restart clients would ask their users again")
	}
	for _, nonce := range []string{"", "x", "AAAA", strings.Repeat("A", 32)} {
		made.nonce = nonce
		stale(made)
	}
	c.nonce = d.nonce()
	d.want(200, "GET", "/", c.header())
	d.now = d.now.Add(-time.Hour)
	stale(c) // from the future
}

// TestDigestIsForOneRequest: a nonce is valid at the host that it was issued for, and credentials for the query that
// they were made for. Each count is accepted once for requests that change something, in any order.
func TestDigestIsForOneRequest(t *testing.T) {
	d := newDoor(t, Options{})
	c := client{user: "alice", password: "s3cret:é", realm: DefaultRealm, nonce: d.nonce(), uri: "/f", method: "PUT"}
	stale := func(method, target string, c client, headers ...string) {
		t.Helper()
		w := d.want(401, method, target, append(headers, c.header())...)
		if !strings.Contains(w.Header().Get("WWW-Authenticate"), "stale=true") {
			t.Error("a client would ask its user again")
		}
	}
	for _, nc := range []int{3, 1, 2, 0x20, 0x1f, 0x5000, 0x4fff, 0x5001} {
		c.nc = fmt.Sprintf("%08x", nc)
		d.want(200, "PUT", "/f", c.header())
		stale("PUT", "/f", c)
	}
	// Seen, too far behind, no counts.
	for _, nc := range []string{"00000003", "00000004", "00004001", "x", "-1", "100000000"} {
		c.nc = nc
		stale("PUT", "/f", c)
	}
	for _, method := range []string{"DELETE", "MOVE", "COPY", "MKCOL", "PROPPATCH", "LOCK", "UNLOCK", "POST"} {
		c := client{user: "alice", password: "s3cret:é", realm: DefaultRealm, nonce: d.nonce(), uri: "/f", method: method,
			nc: "00000001"}
		d.want(200, method, "/f", c.header())
		stale(method, "/f", c)
	}
	for _, method := range []string{"GET", "HEAD", "PROPFIND"} { // players and browsers ask again
		c := client{user: "alice", password: "s3cret:é", realm: DefaultRealm, nonce: d.nonce(), uri: "/f", method: method,
			nc: "00000001"}
		d.want(200, method, "/f", c.header())
		d.want(200, method, "/f", c.header())
		stale(method, "/f", c, "Host: 127.0.0.1:8090")
		d.want(200, method, "/f", c.header(), "Host: LOCALHOST:8090")
		d.want(401, method, "/f?versions", c.header())
		c.uri = "/f?versions"
		d.want(200, method, "/f?versions", c.header())
		d.want(401, method, "/f", c.header())
	}
	if d.nonce() == d.nonce() {
		t.Error("two clients get one nonce")
	}
}

// TestCountsAreBounded: of many nonces the oldest are forgotten and then rejected.
func TestCountsAreBounded(t *testing.T) {
	var c counts
	for i := 1; i < 3*maxNonces; i++ {
		if !c.use(fmt.Sprint(i), int64(i), "1") || c.use(fmt.Sprint(i), int64(i), "1") {
			t.Fatal("a count is not good for once")
		}
	}
	if len(c.known) != maxNonces || len(c.order) != maxNonces {
		t.Errorf("%d nonces are known, %d in order", len(c.known), len(c.order))
	}
	if c.use("1", 1, "2") || c.use("never seen, older", 1, "1") || !c.use(fmt.Sprint(3*maxNonces-1), 3*maxNonces-1, "2") {
		t.Error("a forgotten nonce is taken, or a known one is not")
	}
}

// TestRFC7616 checks the example of RFC 7616, 3.9.1.
func TestRFC7616(t *testing.T) {
	const (
		nonce  = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
		cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
	)
	got := digestSum(digestSum("Mufasa", "http-auth@example.org", "Circle of Life"), nonce, "00000001", cnonce, "auth",
		digestSum("GET", "/dir/index.html"))
	if got != "8ca523f5e9506fed4657c9700eebdbec" {
		t.Error(got)
	}
}

func TestBadOptions(t *testing.T) {
	for _, o := range []Options{
		{}, {User: "a"}, {Password: "b"}, {User: "a:b", Password: "c"}, {User: `a"`, Password: "c"},
		{User: "a", Password: "b", Realm: "x\"y"},
		{User: "a", Password: "b", Rand: strings.NewReader("short")},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

// FuzzDigest: no header breaks the parser, and none that was made without the password is accepted.
func FuzzDigest(f *testing.F) {
	c := client{user: "alice", password: "guess", realm: DefaultRealm, nonce: "x", uri: "/", method: "GET", nc: "00000001"}
	for _, s := range []string{c.header()[len("Authorization: Digest "):], `a="b\"c", d = e ,, f=g`, `a="`, `=`, `a=b,a=c`,
		`username=alice`} {
		f.Add(s)
	}
	d,
		err := newDigest(Options{User: "alice", Password: "secret", Realm: DefaultRealm, Clock: time.Now, Lifetime: time.Hour,
		Rand: strings.NewReader(strings.Repeat("k", 32))})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		alloctest.Check(t, len(s), func() {
			if ok, stale := d.check(httptest.NewRequest("GET", "/", nil), s); ok || stale {
				t.Fatalf("%q goes through", s)
			}
			params, ok := parseParams(s)
			if !ok {
				return
			}
			if len(params) == 0 || len(params) > maxParams {
				t.Fatalf("%d parameters", len(params))
			}
			for name := range params {
				if name != strings.ToLower(name) || strings.ContainsAny(name, " \",") {
					t.Fatalf("a parameter named %q", name)
				}
			}
		})
	})
}
