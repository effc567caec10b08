package dav_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"postern/dav"
	"postern/dav/page"
	"postern/vfs/vfstest"
)

// circle is an account with some people. It notes what it is asked to do.
type circle struct {
	page.Circle
	page.Shared
	wishes []page.Wish
	to     string
	err    error
}

func (c *circle) Do(_ context.Context, w page.Wish) (string, error) {
	c.wishes = append(c.wishes, w)
	return c.to, c.err
}

// shown returns c as the page's People.
type shown struct{ *circle }

func (s shown) Circle(context.Context) (page.Circle, error) { return s.circle.Circle, nil }
func (s shown) Shared(context.Context) (page.Shared, error) { return s.circle.Shared, nil }

func (s shown) Changes(_ context.Context, path string) ([]page.Change, error) {
	if path != "/files/photos/f" && path != "/shared/bob/write/f" {
		return nil, nil
	}
	return []page.Change{{At: start, By: "bob <b>", Size: 1}, {At: start, By: "alice", Mine: true, Gone: true},
		{At: start, Size: 1}}, nil
}

func newCircle() *circle {
	return &circle{
		Circle: page.Circle{Name: "alice", Fingerprint: "able baker charlie", Card: "postern:card#AAA", People: []page.Person{
			{Name: "anna", Called: "Anna <b>\u202e", State: "asks", Fingerprint: "one two three"},
			{Name: "bob", Called: "bob", State: "friend", Fingerprint: "four five six", Changed: true},
			{Name: "carl", State: "asked", Fingerprint: "seven eight"},
			{Name: "dora", State: "blocked", Fingerprint: "nine ten"},
		}},
		Shared: page.Shared{
			Groups: []string{"friends", "family"},
			Mine: []page.Share{{Path: "/files/photos", With: []page.Grant{{To: "bob", Write: true},
				{To: "carl", Waiting: true}}}},
			Theirs: []page.Offer{{Path: "/shared/bob/a\"><i>", Owner: "bob"}},
			Links: []page.Link{{ID: "0123abcd", Path: "/files/photos", URL: "postern:link#secret", Password: true,
				Expires: start.Add(24 * time.Hour)}, {ID: "4567abcd", Path: "/files/f", URL: "postern:link#other"}},
			Unknown: []string{"emil"},
		},
	}
}

func TestPeoplePages(t *testing.T) {
	d := newShared(t, dav.Options{Patience: -1, People: shown{newCircle()}})
	const unscripted = "!onclick"
	d.do("GET", "/shared?friends", "", browser).want(200, unscripted, "able baker charlie", "postern:card#AAA",
		`<svg class="qr"`, "one two three", "Anna &lt;b&gt;\ufffd", "belongs to another key", `value="trust"`,
		"Asked, without an answer", "seven eight", "dora", "blocked", `href="/shared/bob"`, "!<b>", "Your name is")
	d.do("GET", "/shared/?shares", "", browser).want(200, unscripted, `href="/files/photos?share"`, "reads and writes",
		"waits until they have answered", `value="/shared/bob/a&#34;&gt;&lt;i&gt;"`, "emil shares can't be read", "!<i>",
		`value="postern:link#secret"`, "postern:link#other", `data-copy="url-0123abcd"`, "needs its password",
		"2026-11-21 09:00 UTC")
	d.do("GET", "/files/photos/?share", "", browser).want(200, unscripted, "Share photos", "postern:link#secret",
		"!postern:link#other",
		`name="with" value="family"`, `value="carl"> <bdi>carl</bdi> (once they have answered)`, "!dora", "!anna",
		"after 7 days")
	d.do("GET", "/files/f?share", "", browser).want(200, "Share f", "postern:link#other", "!postern:link#secret",
		`value="share"`, `href="/files/f?view"`)
	d.do("GET", "/files/none?share", "", browser).want(404)
	d.do("GET", "/shared/bob?share", "", browser).want(200, "!Secret links")
	policy := d.do("GET", "/shared?friends", "", browser).header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; script-src 'nonce-") || strings.Contains(policy, "unsafe") {
		t.Error(policy)
	}
}

// TestSharedSaysHowToBegin: the folder of friends is there from the first day, and leads on.
func TestSharedSaysHowToBegin(t *testing.T) {
	d := newShared(t, dav.Options{Patience: -1, People: shown{newCircle()}})
	d.do("GET", "/shared", "", browser).want(200, `href="?friends"`, `href="?shares"`, "!How to begin")
	d.do("GET", "/files/", "", browser).want(200, `href="/files/photos/?share"`, `href="/files/f?share"`)
	d.do("GET", "/files/f?view", "", browser).want(200, `href="/files/f?share"`)
	d.do("GET", "/shared/bob", "", browser).want(200, "!?share", `!data-do="delete"`)
	d.do("GET", "/shared/bob/write", "", browser).want(200, "!?share", `data-do="delete"`)
	d.h = newBegun(t)
	d.do("GET", "/shared", "", browser).want(200, "How to begin", `href="?friends"`, `href="/files/"`)
	d.restart(dav.Options{Patience: -1})
	d.do("GET", "/shared", "", browser).want(200, "!?friends", "!How to begin")
	d.do("GET", "/files/", "", browser).want(200, "!?share")
	d.do("GET", "/shared?friends", "", browser).want(200, "!fingerprint")
}

// TestVersionsNameAuthors: the page of earlier versions says who changed what several people may write.
func TestVersionsNameAuthors(t *testing.T) {
	d := newShared(t, dav.Options{Patience: -1, People: shown{newCircle()}})
	for _, path := range []string{"/files/photos/f", "/shared/bob/write/f"} {
		d.do("GET", path+"?versions", "", browser).want(200, "Who changed it", "bob &lt;b&gt;", "you", "somebody", "removed")
		d.do("GET", path+"?view", "", browser).want(200, `href="`+path+`?versions"`)
	}
	d.do("GET", "/files/f?versions", "", browser).want(200, "!Who changed it")
	d.do("GET", "/shared/bob?versions", "", browser).want(200, "!Who changed it")
}

// newBegun returns a handler over a drive with which nobody shares anything yet.
func newBegun(t *testing.T) *dav.Handler {
	t.Helper()
	model := vfstest.NewModel(vfstest.ModelOptions{})
	h, err := dav.New(model, dav.Options{Patience: -1, People: shown{newCircle()}})
	if err = errors.Join(err, model.Root("shared"), model.Mkdir(t.Context(), "/shared/links", nil)); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestPeopleForms(t *testing.T) {
	c := newCircle()
	d := newShared(t, dav.Options{Patience: -1, People: shown{c}})
	token := d.token("/shared?friends")
	for _, tt := range []struct {
		target, back string
		form         []string
		want         page.Wish
	}{
		{"/shared?friends", "/shared?friends", []string{"do", "ask", "who", " postern:card#A "},
			page.Wish{Do: "ask", Path: "/shared", Who: "postern:card#A"}},
		{"/shared?friends", "/shared?friends", []string{"who", "anna", "do", "accept"},
			page.Wish{Do: "accept", Path: "/shared", Who: "anna"}},
		{"/files/photos?share", "/files/photos?share", []string{"do", "share", "with", "bob", "with", "family", "write", "1"},
			page.Wish{Do: "share", Path: "/files/photos", With: []string{"bob", "family"}, Write: true}},
		{"/shared?shares", "/shared?shares", []string{"do", "unshare", "path", "/files/photos", "with", "bob"},
			page.Wish{Do: "unshare", Path: "/files/photos", With: []string{"bob"}}},
		{"/files/photos?share", "/files/photos?share", []string{"do", "link", "expires", "24h", "password", " p "},
			page.Wish{Do: "link", Path: "/files/photos", Expires: 24 * time.Hour, Password: " p "}},
	} {
		c.wishes = nil
		d.post(tt.target, append([]string{"token", token}, tt.form...)...).want(303).with("Location: " + tt.back)
		if len(c.wishes) != 1 || !reflect.DeepEqual(c.wishes[0], tt.want) {
			t.Errorf("%v asks for %+v, want %+v", tt.form, c.wishes, tt.want)
		}
	}
	c.wishes, c.to = nil, "/shared/links/talk 1"
	d.post("/shared?shares", "token", token, "do", "open", "link", "postern:link#x").want(303).with(
		"Location: /shared/links/talk%201")
	// Without the token, with nonsense, and with a refusal.
	c.wishes = nil
	d.post("/shared?friends", "token", "guess", "do", "ask", "who", "bob").want(403)
	d.post("/shared?friends", "token", token, "do", "conquer").want(400)
	d.post("/files/photos?share", "token", token, "do", "link", "expires", "-1h").want(400)
	if len(c.wishes) != 0 {
		t.Errorf("it was done: %v", c.wishes)
	}
	c.err = &page.Refusal{Why: "Nobody here is called <bob>."}
	d.post("/shared?friends", "token", token, "do", "accept", "who", "bob").want(409, "Nobody here is called &lt;bob&gt;.",
		`href="?friends"`)
	c.err = &page.Refusal{Why: "Kept here.", Away: true}
	d.post("/files/photos?share", "token", token, "do", "share", "with", "bob").want(503, "Kept here.", `href="?share"`)
	d.restart(dav.Options{Patience: -1})
	d.post("/shared", "token", d.token("/files/photos/"), "do", "ask", "who", "bob").want(400)
}
