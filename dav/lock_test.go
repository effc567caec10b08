package dav_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/dav"
)

func TestLockProtects(t *testing.T) {
	d := newDrive(t, "/files/f", "/files/g", "/files/dir/")
	token := d.lock("/files/f")
	changes := []struct{ method, target, body, header string }{
		{"PUT", "/files/f", "x", ""},
		{"DELETE", "/files/f", "", ""},
		{"PROPPATCH", "/files/f", patch("<x:p/>"), ""},
		{"MOVE", "/files/f", "", "Destination: /files/h"},
		{"MOVE", "/files/g", "", "Destination: /files/f"},
		{"COPY", "/files/g", "", "Destination: /files/f"},
	}
	for _, c := range changes {
		headers := []string{"X-Nothing: x"}
		if c.header != "" {
			headers = append(headers, c.header)
		}
		d.do(c.method, c.target, c.body, headers...).want(423,
			"<D:lock-token-submitted><D:href>/files/f</D:href></D:lock-token-submitted>")
		d.do(c.method, c.target, c.body,
			append(headers, "If: (<urn:uuid:00000000-0000-4000-8000-000000000000>) (Not <DAV:no-lock>)")...).want(423)
	}
	d.do("GET", "/files/f", "").want(200)
	d.do("COPY", "/files/f", "", "Destination: /files/copy").want(201)
	d.do("PUT", "/files/copy", "x").want(204)
	d.do("PUT", "/files/f", "mine", "If: (<"+token+">)").want(204)
	d.do("PUT", "/files/f", "mine too", "If: <http://127.0.0.1:8090/files/f> (<"+token+">)").want(204)
	d.do("PUT", "/files/f", "as well", "If: (Not <"+token+"> [\"x\"]) (Not <DAV:no-lock>)").want(204)
	d.do("UNLOCK", "/files/f", "", "Lock-Token: <"+token+">").want(204)
	d.do("PUT", "/files/f", "all").want(204)
	d.do("PUT", "/files/f", "gone", "If: (<"+token+">)").want(412)
}

func TestIfLists(t *testing.T) {
	d := newDrive(t, "/files/f", "/files/g")
	token := d.lock("/files/f")
	etag := d.info("/files/f").ETag()
	tests := []struct {
		header string
		code   int
	}{
		{"(<T>)", 204},
		{"(<T> [E])", 204},
		{`(<T> ["no"])`, 412},
		{`(<T> ["no"]) (<T>)`, 204},
		{"(Not <T>)", 412},
		{"(Not <DAV:no-lock> <T>)", 204},
		{"(<DAV:no-lock> <T>)", 412},
		{`(Not ["no"] <T>)`, 204},
		{"</files/f> (<T>)", 204},
		{"<http://localhost:1/files/f> (<T>)", 204},
		{"<http://other.example/files/f> (<T>)", 412},
		{"</files/g> (<T>)", 412},
		{"</files/g> (<T>) </files/f> (<T>)", 204},
		{"</files/g> (Not <T>)", 204}, // submitted all the same
		{"</files/no> ([E])", 412},
		{"</files/no> (Not [E] Not <T>)", 204},
		{"(<T>) </files/f> (<T>)", 400},
		{"()", 400},
		{"(<T>", 400},
		{"</files/f>", 400},
		{"nonsense", 400},
	}
	for _, tt := range tests {
		header := strings.NewReplacer("T", token, "E", etag).Replace(tt.header)
		if a := d.do("PROPPATCH", "/files/f", patch("<x:p/>"), "If: "+header); a.code != tt.code &&
			!(tt.code == 204 && a.code == 207) {
			t.Errorf("%s: %d, want %d", tt.header, a.code, tt.code)
		}
	}
	// Several fields are one header.
	d.do("PUT", "/files/f", "x", `If: (["no"])`, "If: (<"+token+">)").want(204)
}

func TestLockAnswers(t *testing.T) {
	d := newDrive(t, "/files/f")
	a := d.do("LOCK", "/files/f", lockBody("exclusive"), "Timeout: Second-600", "Depth: 0").want(200,
		"<D:exclusive/>", "<D:write/>", "<D:depth>0</D:depth>", "<D:owner>me</D:owner>", "<D:timeout>Second-600</D:timeout>",
		"<D:lockroot><D:href>/files/f</D:href></D:lockroot>")
	token := a.token()
	d.do("LOCK", "/files/f", lockBody("exclusive")).want(423,
		"<D:no-conflicting-lock><D:href>/files/f</D:href>").with("Lock-Token:")
	d.do("LOCK", "/files/f", lockBody("shared")).want(423)
	d.do("PROPFIND", "/files/f", prop("D:lockdiscovery"), "Depth: 0").want(207, token, "<D:owner>me</D:owner>")

	d.do("LOCK", "/files/new", lockBody("exclusive")).want(201).with("ETag: " + d.info("/files/new").ETag())
	d.holds("/files/new", "")
	d.do("LOCK", "/files/no/new", lockBody("exclusive")).want(409)
	d.do("LOCK", "/", lockBody("exclusive")).want(403)
	d.do("LOCK", "/files/f", `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope></D:lockinfo>`).want(400)
	d.do("LOCK", "/files/f", lockBody("both")).want(400)
	d.do("LOCK", "/files/g", lockBody("exclusive"), "Depth: 1").want(400)
	d.holds("/files/g", "-", "/files/no", "-")
}

func TestLockTimeouts(t *testing.T) {
	for header, want := range map[string]string{
		"Second-600":                     "600",
		"Infinite":                       "3600",
		"Infinite, Second-4100000000":    "3600",
		"Second-4100000000":              "3600",
		"Second-99999999999999999999999": "3600",
		"Second-0":                       "3600",
		"x, second-180":                  "180",
		"":                               "3600",
		"Second--5":                      "3600",
	} {
		d := newDrive(t, "/files/f")
		d.do("LOCK", "/files/f", lockBody("exclusive"), "Timeout: "+header).want(200,
			"<D:timeout>Second-"+want+"</D:timeout>")
	}
}

func TestLockRunsOut(t *testing.T) {
	d := newDrive(t, "/files/f")
	token := d.lock("/files/f", "Timeout: Second-100")
	d.now = d.now.Add(60 * time.Second)
	d.do("LOCK", "/files/f", "", "If: (<"+token+">)", "Timeout: Second-100").want(200, token,
		"Second-100").with("Lock-Token:")
	d.now = d.now.Add(60 * time.Second)
	d.do("PUT", "/files/f", "x").want(423)
	d.now = d.now.Add(60 * time.Second)
	d.do("LOCK", "/files/f", "", "If: (<"+token+">)").want(412)
	d.do("PUT", "/files/f", "x").want(204)
}

func TestRefreshForms(t *testing.T) {
	d := newDrive(t, "/files/dir/", "/files/dir/f")
	token := d.lock("/files/dir")
	for _, header := range []string{
		"If: (<T>)", "If: </files/dir/> (<T>)", "If: <http://127.0.0.1:8090/files/dir> (<T>)", "Lock-Token: <T>",
		"Lock-Token: T", `If: (["x"]) (<T>)`,
	} {
		d.do("LOCK", "/files/dir", "", strings.ReplaceAll(header, "T>", token+">")).
			want(map[bool]int{true: 412, false: 200}[header == "Lock-Token: T"])
	}
	d.do("LOCK", "/files/dir/f", "", "If: (<"+token+">)").want(200, token) // the address of a member will do
	d.do("LOCK", "/files/dir", "").want(400)
	d.do("LOCK", "/files/dir", "", "If: (<urn:x>)").want(412)
}

func TestUnlock(t *testing.T) {
	d := newDrive(t, "/files/f", "/files/g")
	token := d.lock("/files/f")
	d.do("UNLOCK", "/files/f", "").want(400)
	d.do("UNLOCK", "/files/g", "", "Lock-Token: <"+token+">").want(409, "<D:lock-token-matches-request-uri/>")
	d.do("UNLOCK", "/files/f", "", "Lock-Token: <urn:x>").want(409)
	d.do("UNLOCK", "/files/f", "", "Lock-Token: "+token).want(204)
	d.do("UNLOCK", "/files/f", "", "Lock-Token: <"+token+">").want(409)
}

func TestSharedLocks(t *testing.T) {
	d := newDrive(t, "/files/f")
	one := d.do("LOCK", "/files/f", lockBody("shared")).want(200, "<D:shared/>").token()
	a := d.do("LOCK", "/files/f", lockBody("shared")).want(200)
	two := a.token()
	if strings.Count(a.body, "<D:activelock>") != 2 || strings.Index(a.body, two) > strings.Index(a.body, one) {
		t.Errorf("the new lock comes first, the other is there too: %s", a.body)
	}
	d.do("LOCK", "/files/f", lockBody("exclusive")).want(423)
	d.do("PUT", "/files/f", "x").want(423)
	d.do("PUT", "/files/f", "x", "If: (<"+one+">)").want(204)
	d.do("PUT", "/files/f", "x", "If: (<"+two+">)").want(204)
	d.do("UNLOCK", "/files/f", "", "Lock-Token: <"+one+">").want(204)
	d.do("PUT", "/files/f", "x").want(423)
	d.do("UNLOCK", "/files/f", "", "Lock-Token: <"+two+">").want(204)
	d.do("PUT", "/files/f", "x").want(204)
}

func TestFolderLocks(t *testing.T) {
	t.Run("deep", func(t *testing.T) {
		d := newDrive(t, "/files/dir/", "/files/dir/sub/", "/files/dir/sub/f")
		token := d.lock("/files/dir")
		tagged := "If: <http://127.0.0.1:8090/files/dir/> (<" + token + ">)"
		d.do("PUT", "/files/dir/sub/f", "x").want(423, "<D:href>/files/dir</D:href>")
		d.do("PUT", "/files/dir/sub/new", "x").want(423)
		d.do("MKCOL", "/files/dir/sub/new", "").want(423)
		d.do("DELETE", "/files/dir/sub", "").want(423)
		d.do("LOCK", "/files/dir/sub/f", lockBody("exclusive")).want(423)
		d.do("PUT", "/files/dir/sub/f", "x", tagged).want(204)
		d.do("PUT", "/files/dir/sub/new", "x", "If: (<"+token+">)").want(201)
		d.do("MKCOL", "/files/dir/sub/new2", "", tagged).want(201)
		d.do("LOCK", "/files/dir/sub/f", lockBody("exclusive"), tagged).want(423)
	})
	t.Run("depth 0", func(t *testing.T) {
		d := newDrive(t, "/files/dir/", "/files/dir/f")
		token := d.lock("/files/dir", "Depth: 0")
		tagged := "If: </files/dir> (<" + token + ">)"
		d.do("PUT", "/files/dir/f", "x").want(204) // a member's state is not the folder's
		d.do("PROPPATCH", "/files/dir/f", patch("<x:p/>")).want(207)
		for _, r := range [][]string{
			{"PUT", "/files/dir/new"}, {"MKCOL", "/files/dir/new"}, {"DELETE", "/files/dir/f"}, {"LOCK", "/files/dir/new"},
			{"MOVE", "/files/dir/f", "Destination: /files/g"}, {"PROPPATCH", "/files/dir"},
		} {
			body := ""
			switch r[0] {
			case "LOCK":
				body = lockBody("exclusive")
			case "PROPPATCH":
				body = patch("<x:p/>")
			}
			d.do(r[0], r[1], body, r[2:]...).want(423, "lock-token-submitted")
		}
		d.holds("/files/dir/f", "x", "/files/dir/new", "-")
		d.do("LOCK", "/files/dir/f", lockBody("exclusive")).want(200)
		d.do("PUT", "/files/dir/new", "x", tagged).want(201)
	})
	t.Run("conflict beneath", func(t *testing.T) {
		d := newDrive(t, "/files/dir/", "/files/dir/f")
		d.lock("/files/dir/f")
		d.do("LOCK", "/files/dir", lockBody("exclusive")).want(207,
			"<D:href>/files/dir/f</D:href><D:status>HTTP/1.1 423 Locked",
			"<D:href>/files/dir</D:href><D:status>HTTP/1.1 424").with("Lock-Token:")
		d.do("LOCK", "/files/dir", lockBody("exclusive"), "Depth: 0").want(200)
	})
}

func TestLockedMembers(t *testing.T) {
	d := newDrive(t, "/files/dir/", "/files/dir/a", "/files/dir/b", "/files/other/")
	token := d.lock("/files/dir/a")
	const member = "<D:response><D:href>/files/dir/a</D:href><D:status>HTTP/1.1 423 Locked</D:status>"
	d.do("DELETE", "/files/dir", "").want(207, member, "!/files/dir/b")
	d.do("MOVE", "/files/dir", "", "Destination: /files/new").want(207, member)
	d.do("MOVE", "/files/other", "", "Destination: /files/dir").want(207, member)
	d.do("COPY", "/files/other", "", "Destination: /files/dir").want(207, member)
	d.holds("/files/dir/a", "/files/dir/a", "/files/dir/b", "/files/dir/b", "/files/new", "-")
	d.do("COPY", "/files/dir", "", "Destination: /files/new").want(201)
	d.do("DELETE", "/files/dir", "", "If: </files/dir/a> (<"+token+">)").want(204)
	d.do("LOCK", "/files/dir", lockBody("exclusive")).want(201) // the old lock is gone
}

func TestLocksGoWithWhatTheyProtect(t *testing.T) {
	d := newDrive(t, "/files/a", "/files/b", "/files/c")
	token := d.lock("/files/a")
	d.do("DELETE", "/files/a", "", "If: (<"+token+">)").want(204)
	d.do("PUT", "/files/a", "x").want(201)

	token = d.lock("/files/b")
	d.do("MOVE", "/files/b", "", "Destination: /files/moved", "If: (<"+token+">)").want(201)
	d.do("PUT", "/files/b", "x").want(201)
	d.do("PUT", "/files/moved", "x").want(204)

	// A file saved by renaming stays under its holder's lock.
	token = d.lock("/files/c")
	d.do("MOVE", "/files/moved", "", "Destination: /files/c", "If: </files/c> (<"+token+">)").want(204)
	d.do("PUT", "/files/c", "x").want(423)
	d.do("UNLOCK", "/files/c", "", "Lock-Token: <"+token+">").want(204)
}

func TestLocksAndNormalisation(t *testing.T) {
	d := newDrive(t, "/files/\u00fc")
	d.lock("/files/%C3%BC")
	d.do("PUT", "/files/u%CC%88", "x").want(423)
}

func TestOwnerXMLIsKept(t *testing.T) {
	d := newDrive(t, "/files/f")
	body := `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype><owner><href>` +
		`http://a/?b&amp;c</href><x:y xmlns:x="urn:x">&lt;</x:y></owner></lockinfo>`
	const kept = `<D:owner><href xmlns="DAV:">http://a/?b&amp;c</href><x:y xmlns:x="urn:x">&lt;</x:y></D:owner>`
	d.do("LOCK", "/files/f", body).want(200, kept)
	d.do("PROPFIND", "/files/f", prop("D:lockdiscovery"), "Depth: 0").want(207, kept)
}

// memory is a lock store that outlives handlers.
type memory map[string][]byte

func (m memory) Load() (map[string][]byte, error)       { return m, nil }
func (m memory) Save(token string, record []byte) error { m[token] = record; return nil }
func (m memory) Delete(token string) error              { delete(m, token); return nil }

func TestLocksSurviveARestart(t *testing.T) {
	store := memory{}
	d := newDriveWith(t, dav.Options{Locks: store}, 0, "/files/f")
	token := d.lock("/files/f", "Depth: 0", "Timeout: Second-1000")
	d.now = d.now.Add(400 * time.Second)
	d.restart(dav.Options{Locks: store, Clock: func() time.Time { return d.now }})
	d.do("PUT", "/files/f", "x").want(423)
	a := d.do("PROPFIND", "/files/f", prop("D:lockdiscovery"), "Depth: 0").want(207, token, "<D:owner>me</D:owner>",
		"<D:depth>0<", "Second-600")
	if !regexp.MustCompile(`<D:lockroot><D:href>/files/f</D:href>`).MatchString(a.body) {
		t.Error(a.body)
	}
	d.do("PUT", "/files/f", "x", "If: (<"+token+">)").want(204)
	d.do("UNLOCK", "/files/f", "", "Lock-Token: <"+token+">").want(204)
	if len(store) != 0 {
		t.Errorf("the store keeps %v", store)
	}
	store["urn:bad"] = []byte("{")
	if _, err := dav.New(d.fs, dav.Options{Locks: store}); err == nil {
		t.Error("a damaged record is no error")
	}
}
