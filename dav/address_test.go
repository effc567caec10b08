package dav_test

import (
	"net/http"
	"slices"
	"testing"
)

// TestUnescapedMarks: a '?' or '#' that a client left unescaped is refused everywhere, and nothing is changed: neither what the
// address names with it nor what it names without.
func TestUnescapedMarks(t *testing.T) {
	paths := []string{"/files/a", "/files/a?b", "/files/a#b", "/files/dir/", "/files/dir/in", "/files/src"}
	for _, mark := range []string{"?b", "#b", "?", "#", "?b#c", "#b?c", "?%23", "?b=/../src", "/#", "/?"} {
		for _, place := range []string{"/files/a", "/files/dir", "/files/dir/in", "http://127.0.0.1:8090/files/a"} {
			for _, method := range []string{"MOVE", "COPY"} {
				d := newDrive(t, paths...)
				d.do(method, "/files/src", "", "Destination: "+place+mark).want(400, "has a query or a fragment")
				d.do(method, "/files/src", "", "Destination: "+place+mark, "Overwrite: F").want(400)
				d.unchanged(paths)
			}
			for method := range map[string]bool{"PUT": true, "DELETE": true, "MKCOL": true, "MOVE": true, "COPY": true, "PROPPATCH": true, "LOCK": true, "UNLOCK": true, "PROPFIND": true} {
				d := newDrive(t, paths...)
				body := map[string]string{"PUT": "new", "PROPPATCH": patch("<x:p>1</x:p>"), "LOCK": lockBody("exclusive")}[method]
				d.do(method, place+mark, body, "Destination: /files/new").want(400, "has a query or a fragment")
				d.unchanged(append(slices.Clone(paths), "-/files/new"))
			}
			d := newDrive(t, paths...)
			d.do("DELETE", "/files/src", "", "If: <"+place+mark+"> (Not <DAV:no-lock>)").want(400)
			d.unchanged(paths)
		}
	}
}

// TestEscapedMarks: names with these marks are names as all others.
func TestEscapedMarks(t *testing.T) {
	d := newDrive(t, "/files/a", "/files/src")
	d.do("PUT", "/files/a%3Fb", "1").want(201)
	d.do("PUT", "/files/a%23b", "2").want(201)
	d.do("MOVE", "/files/src", "", "Destination: /files/a%23b").want(204)
	d.do("DELETE", "/files/a%3Fb", "", "If: </files/a%23b> (Not <DAV:no-lock>)").want(204)
	d.holds("/files/a", "/files/a", "/files/a#b", "/files/src", "/files/a?b", "-")
}

// TestQueriesOfReads: GET and HEAD have queries, of our own pages and of those who want to get past a cache; a fragment they
// never have.
func TestQueriesOfReads(t *testing.T) {
	d := newDrive(t, "/files/a")
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		d.do(method, "/files/a?x=1", "").want(200)
		d.do(method, "/files?sort=size", "").want(200)
		d.do(method, "/files/a#b", "").want(400)
		d.do(method, "/files/a?x#b", "").want(400)
	}
}

// unchanged checks that what newDrive made is there as it was; "-/path" is not there.
func (d *drive) unchanged(paths []string) {
	d.t.Helper()
	for _, p := range paths {
		switch {
		case p[0] == '-':
			d.holds(p[1:], "-")
		case p[len(p)-1] == '/':
			d.holds(p[:len(p)-1], "/")
		default:
			d.holds(p, p)
		}
	}
}

// TestDestinationThroughProxies: what proxies make of an address is the address, or refused with the reason; never 502, which
// would say that it is on another server.
func TestDestinationThroughProxies(t *testing.T) {
	for _, tt := range []struct {
		destination string
		headers     []string
		code        int
	}{
		{"//files/new", nil, 201},
		{"///files//new", nil, 201},
		{"/files//new", nil, 201},
		{"http://127.0.0.1:8090//files/new", nil, 201},
		{"http://127.0.0.1:8090/files///new/", nil, 201},
		{"//127.0.0.1:8090/files/new", nil, 201},
		{"//localhost/files/new", nil, 201},
		{"//files", nil, 409},
		{"//new", nil, 403},
		{"//[/files/new", nil, 409},
		{"http://127.0.0.1./files/new", nil, 201},
		{"http://localhost.:8090/files/new", nil, 201},
		{"http://LOCALHOST/files/new", nil, 201},
		{"http://[::1]:1/files/new", nil, 201},
		{"https://drive.example/files/new", []string{"X-Forwarded-Host: drive.example"}, 201},
		{"https://drive.example/files/new", []string{"X-Forwarded-Host: drive.example, inner.example:80"}, 201},
		{"https://inner.example/files/new", []string{"X-Forwarded-Host: drive.example , inner.example:80"}, 201},
		{"https://drive.example/files/new", []string{"X-Forwarded-Host: inner.example", "X-Forwarded-Host: drive.example:8443"}, 201},
		{"https://drive.example./files/new", []string{"X-Forwarded-Host: Drive.Example"}, 201},
		{"https://drive.example/files/new", []string{"X-Forwarded-Host: drive.example."}, 201},
		{"https://drive.example/files/new", []string{"Forwarded: for=192.0.2.7;proto=https;host=drive.example"}, 201},
		{"https://drive.example:8443/files/new", []string{`Forwarded: for="[2001:db8::7]:4711"; Host="drive.example:8443", for=10.0.0.1`}, 201},
		{"https://drive.example/files/new", []string{"Forwarded: for=192.0.2.7", "Forwarded: for=10.0.0.1, host=drive.example"}, 201},
		{"https://drive.example/files/new", []string{"Forwarded: for=drive.example"}, 502},
		{"https://elsewhere.example/files/new", []string{"X-Forwarded-Host: drive.example, inner.example"}, 502},
		{"https://elsewhere.example/files/new", nil, 502},
	} {
		for _, method := range []string{"MOVE", "COPY"} {
			d := newDrive(t, "/files/a")
			d.do(method, "/files/a", "", append(tt.headers, "Destination: "+tt.destination)...).want(tt.code)
			if tt.code == 201 {
				d.holds("/files/new", "/files/a")
			} else {
				d.holds("/files/a", "/files/a", "/files/new", "-")
			}
			if tt.code == 201 { // the same address in If
				d.do("DELETE", "/files/new", "", append(tt.headers, "If: <"+tt.destination+"> (["+d.info("/files/new").ETag()+"])")...).want(204)
			}
		}
	}
}

// TestDoubledSlashes: a request target with doubled slashes names what it names with one.
func TestDoubledSlashes(t *testing.T) {
	d := newDrive(t, "/files/dir/", "/files/dir/a")
	w := d.wire()
	w.send("GET //files/dir//a HTTP/1.1\nHost: localhost\n\nDELETE //files///dir HTTP/1.1\nHost: localhost\n\n")
	w.want("GET", 200, "/files/dir/a")
	w.want("DELETE", 204, "")
	d.holds("/files/dir", "-")
}
