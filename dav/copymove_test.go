package dav_test

import (
	"strings"
	"testing"
	"time"
)

func TestCopyAndMove(t *testing.T) {
	tests := []struct {
		name, method, from, to string
		headers                []string
		code                   int
		holds                  []string // pairs
	}{
		{"copy", "COPY", "/files/a", "/files/new", nil, 201, []string{"/files/a", "/files/a", "/files/new", "/files/a"}},
		{"copy over", "COPY", "/files/a", "/files/b", nil, 204, []string{"/files/b", "/files/a"}},
		{"copy F", "COPY", "/files/a", "/files/b", []string{"Overwrite: F"}, 412, []string{"/files/b", "/files/b"}},
		{"copy F, new", "COPY", "/files/a", "/files/new", []string{"Overwrite: F"}, 201, nil},
		{"copy folder", "COPY", "/files/dir", "/files/new", nil, 201, []string{"/files/new/x", "/files/dir/x"}},
		{"copy folder with slashes", "COPY", "/files/dir/", "/files/new/", nil, 201,
			[]string{"/files/new/x", "/files/dir/x"}},
		{"copy folder alone", "COPY", "/files/dir", "/files/new", []string{"Depth: 0"}, 201,
			[]string{"/files/new", "/", "/files/new/x", "-"}},
		{"copy depth 1", "COPY", "/files/dir", "/files/new", []string{"Depth: 1"}, 400, []string{"/files/new", "-"}},
		{"copy folder over file", "COPY", "/files/dir", "/files/a", nil, 204, []string{"/files/a/x", "/files/dir/x"}},
		{"copy file over folder", "COPY", "/files/a", "/files/dir", nil, 204, []string{"/files/dir", "/files/a"}},
		{"copy into itself", "COPY", "/files/dir", "/files/dir/sub", nil, 403, []string{"/files/dir/sub", "-"}},
		{"copy onto itself", "COPY", "/files/a", "/files/a", nil, 403, []string{"/files/a", "/files/a"}},
		{"copy over ancestor", "COPY", "/files/dir/x", "/files/dir", nil, 409, []string{"/files/dir/x", "/files/dir/x"}},
		{"copy missing", "COPY", "/files/no", "/files/b", nil, 404, []string{"/files/b", "/files/b"}},
		{"copy to no parent", "COPY", "/files/a", "/files/no/b", nil, 409, nil},
		{"copy beneath a file", "COPY", "/files/a", "/files/b/c", nil, 409, []string{"/files/b", "/files/b"}},
		{"copy to read-only", "COPY", "/files/a", "/b", nil, 403, nil},
		{"move", "MOVE", "/files/a", "/files/new", nil, 201, []string{"/files/a", "-", "/files/new", "/files/a"}},
		{"move over", "MOVE", "/files/a", "/files/b", nil, 204, []string{"/files/a", "-", "/files/b", "/files/a"}},
		{"move T", "MOVE", "/files/a", "/files/b", []string{"Overwrite: T"}, 204, []string{"/files/b", "/files/a"}},
		{"move F", "MOVE", "/files/a", "/files/b", []string{"Overwrite: F"}, 412,
			[]string{"/files/a", "/files/a", "/files/b", "/files/b"}},
		{"move bad overwrite", "MOVE", "/files/a", "/files/b", []string{"Overwrite: maybe"}, 400, nil},
		{"move folder", "MOVE", "/files/dir", "/files/new", nil, 201,
			[]string{"/files/new/x", "/files/dir/x", "/files/dir", "-"}},
		{"move folder over folder", "MOVE", "/files/dir", "/files/dir2", nil, 204,
			[]string{"/files/dir2/x", "/files/dir/x", "/files/dir2/y", "-"}},
		{"move folder depth 0", "MOVE", "/files/dir", "/files/new", []string{"Depth: 0"}, 400, nil},
		{"move file depth 0", "MOVE", "/files/a", "/files/new", []string{"Depth: 0"}, 201, nil},
		{"move into itself", "MOVE", "/files/dir", "/files/dir/sub", nil, 403, []string{"/files/dir/x", "/files/dir/x"}},
		{"move over ancestor", "MOVE", "/files/dir/x", "/files/dir", nil, 409, []string{"/files/dir/x", "/files/dir/x"}},
		{"move missing keeps what is there", "MOVE", "/files/no", "/files/b", nil, 404, []string{"/files/b", "/files/b"}},
		{"move onto itself", "MOVE", "/files/a", "/files/a", nil, 403, []string{"/files/a", "/files/a"}},
		{"move the root", "MOVE", "/", "/files/b", nil, 403, []string{"/files/b", "/files/b"}},
		{"move files", "MOVE", "/files", "/other", nil, 403, nil},
		{"if-match", "MOVE", "/files/a", "/files/b", []string{`If-Match: "other"`}, 412, []string{"/files/b", "/files/b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDrive(t, "/files/a", "/files/b", "/files/dir/", "/files/dir/x", "/files/dir2/", "/files/dir2/y")
			d.do(tt.method, tt.from, "", append(tt.headers, "Destination: http://127.0.0.1:8090"+tt.to)...).want(tt.code)
			d.holds(tt.holds...)
		})
	}
}

func TestDestination(t *testing.T) {
	tests := []struct {
		destination string
		code        int
	}{
		{"http://127.0.0.1:8090/files/new", 201},
		{"https://127.0.0.1/files/new", 201},
		{"http://localhost:99/files/new", 201},
		{"/files/new", 201},
		{"http://proxy.example/files/new", 201},
		{"http://elsewhere.example/files/new", 502},
		{"", 400},
		{"files/new", 400},
		{"http://127.0.0.1:8090/files/%zz", 400},
		{"http://127.0.0.1:8090/files/a%2Fb", 400},
		{"mailto:a@b", 400},
		{"http://127.0.0.1:8090/files/" + strings.Repeat("n", 2000), 414},
		{"http://127.0.0.1:8090/files/../../files/new", 201},
	}
	for _, tt := range tests {
		d := newDrive(t, "/files/a")
		headers := []string{"X-Forwarded-Host: proxy.example"}
		if tt.destination != "" {
			headers = append(headers, "Destination: "+tt.destination)
		}
		if a := d.do("COPY", "/files/a", "", headers...); a.code != tt.code {
			t.Errorf("%.60q: %d, want %d", tt.destination, a.code, tt.code)
		}
		if want := map[bool]string{true: "/files/a", false: "-"}[tt.code == 201]; d.read("/files/new") != want {
			t.Errorf("%.60q: %q", tt.destination, d.read("/files/new"))
		}
	}
}

func TestCopyAndMoveMtime(t *testing.T) {
	for _, method := range []string{"COPY", "MOVE"} {
		d := newDrive(t, "/files/a")
		d.now = d.now.Add(time.Hour)
		d.do(method, "/files/a", "", "Destination: /files/b", "X-OC-Mtime: 1000").want(201).with("X-OC-Mtime: accepted")
		if got := d.info("/files/b").Modified; !got.Equal(time.Unix(1000, 0)) {
			t.Errorf("%s: %v", method, got)
		}
		d.do(method, "/files/b", "", "Destination: /files/c").want(201).with("X-OC-Mtime:")
		if got := d.info("/files/c").Modified; !got.Equal(time.Unix(1000, 0)) {
			t.Errorf("%s keeps the time: %v", method, got)
		}
	}
}

func TestMkcol(t *testing.T) {
	d := newDrive(t, "/files/f", "/files/dir/")
	tests := []struct {
		target, body string
		headers      []string
		code         int
	}{
		{"/files/new", "", nil, 201},
		{"/files/new2/", "", nil, 201},
		{"/files/dir", "", nil, 405},
		{"/files/f", "", nil, 405},
		{"/", "", nil, 405},
		{"/files", "", nil, 405},
		{"/top", "", nil, 403},
		{"/files/no/x", "", nil, 409},
		{"/files/f/x", "", nil, 409},
		{"/files/body", "<x/>", nil, 415},
		{"/files/dir", "", []string{"If-None-Match: *"}, 405},
		{"/files/cond", "", []string{"If-Match: *"}, 412},
	}
	for _, tt := range tests {
		d.do("MKCOL", tt.target, tt.body, tt.headers...).want(tt.code)
	}
	chunked := d.request("MKCOL", "/files/body", readerOnly{strings.NewReader("x")})
	chunked.ContentLength = -1
	d.send(chunked).want(415)
	d.holds("/files/new", "/", "/files/new2", "/", "/files/body", "-", "/files/cond", "-")
}

type readerOnly struct{ *strings.Reader }

func TestDelete(t *testing.T) {
	d := newDrive(t, "/files/f", "/files/dir/", "/files/dir/x")
	d.do("DELETE", "/files/no", "").want(404)
	d.do("DELETE", "/files/f/no", "").want(404)
	d.do("DELETE", "/files/dir", "", "Depth: 0").want(400)
	d.do("DELETE", "/files/dir", "", "Depth: 1").want(400)
	d.do("DELETE", "/files/dir", "", "Depth: x").want(400)
	d.do("DELETE", "/files/f", "", `If-Match: "other"`).want(412)
	d.do("DELETE", "/", "").want(403)
	d.do("DELETE", "/files", "").want(403)
	d.holds("/files/f", "/files/f", "/files/dir/x", "/files/dir/x")
	d.do("DELETE", "/files/f", "", "Depth: 0").want(204)
	d.do("DELETE", "/files/dir/", "", "Depth: infinity").want(204)
	d.holds("/files/f", "-", "/files/dir", "-")
}

func TestOptions(t *testing.T) {
	d := newDrive(t, "/files/f")
	for _, target := range []string{"/", "/files/f", "/files/no/such", "*"} {
		d.do("OPTIONS", target, "").want(200).with("DAV: 1, 2, 3", "MS-Author-Via: DAV", "Content-Length: 0",
			"Allow: OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND, PROPPATCH, MKCOL, COPY, MOVE, LOCK, UNLOCK")
	}
}

func TestOtherMethods(t *testing.T) {
	d := newDrive(t, "/files/f")
	for method, code := range map[string]int{"POST": 405, "PATCH": 405, "TRACE": 405, "REPORT": 501, "FOO": 501} {
		a := d.do(method, "/files/f", "").want(code)
		if (a.header.Get("Allow") != "") != (code == 405) {
			t.Errorf("%s: Allow is %q", method, a.header.Get("Allow"))
		}
	}
	d.holds("/files/f", "/files/f")
}
