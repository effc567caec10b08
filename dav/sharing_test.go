package dav_test

import (
	"testing"

	"postern/dav"
	"postern/vfs/vfstest"
)

// newShared returns a drive of alice, who shares a folder, and with whom bob shares one to read and one to write.
func newShared(t *testing.T, o dav.Options) *drive {
	t.Helper()
	model := vfstest.NewModel(vfstest.ModelOptions{})
	d := &drive{t: t, fs: model, now: start}
	if err := model.Root("shared"); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/files/photos", "/files/other", "/shared/bob", "/shared/bob/read", "/shared/bob/write",
		"/shared/links", "/shared/links/talk"} {
		if err := model.Mkdir(t.Context(), p, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{"/files/f", "/files/photos/f", "/shared/bob/read/f", "/shared/bob/write/f"} {
		d.write(p, "x")
	}
	if err := model.Freeze("/shared/bob/read"); err != nil {
		t.Fatal(err)
	}
	d.restart(o)
	return d
}

// aliceShares is what newShared's alice shares.
func aliceShares() dav.Sharing {
	s := dav.Sharing{User: "alice", Friends: map[string]string{"bob": "Bob <B>"}}
	for _, t := range []dav.ShareType{dav.ShareUser, dav.ShareGroup, dav.ShareUser, dav.ShareLink} {
		s.Share("/files/photos", t)
	}
	return s
}

// TestSharingProperties: the properties say what one may do, who owns it, and with whom it is shared.
func TestSharingProperties(t *testing.T) {
	asked := 0
	d := newShared(t, dav.Options{Patience: -1, Sharing: func() dav.Sharing { asked++; return aliceShares() }})
	const (
		shared = "<oc:share-types><oc:share-type>0</oc:share-type><oc:share-type>1</oc:share-type>" +
			"<oc:share-type>3</oc:share-type></oc:share-types>"
		alone = "<oc:share-types/>"
	)
	for _, tt := range []struct{ path, letters, owner, called, types string }{
		{"/files", "GCK", "alice", "alice", alone},
		{"/files/f", "RGDNVW", "alice", "alice", alone},
		{"/files/photos", "RGDNVCK", "alice", "alice", shared},
		{"/files/photos/f", "RGDNVW", "alice", "alice", alone},
		{"/shared", "GCK", "alice", "alice", alone},
		{"/shared/bob", "SGCK", "bob", "Bob &lt;B&gt;", alone},
		{"/shared/bob/read", "SG", "bob", "Bob &lt;B&gt;", alone},
		{"/shared/bob/read/f", "SG", "bob", "Bob &lt;B&gt;", alone},
		{"/shared/bob/write", "SGCK", "bob", "Bob &lt;B&gt;", alone},
		{"/shared/bob/write/f", "SGDNVW", "bob", "Bob &lt;B&gt;", alone},
		{"/shared/links/talk", "SGCK", "", "", alone},
	} {
		body := prop("oc:permissions", "oc:owner-id", "oc:owner-display-name", "oc:share-types")
		a := d.do("PROPFIND", tt.path, body, "Depth: 0").want(207,
			"<oc:permissions>"+tt.letters+"</oc:permissions>", tt.types)
		if tt.owner == "" {
			a.want(207, "<oc:owner-id/>", "<oc:owner-display-name/>", "404")
		} else {
			a.want(207, "<oc:owner-id>"+tt.owner+"</oc:owner-id>", "!404",
				"<oc:owner-display-name>"+tt.called+"</oc:owner-display-name>")
		}
	}
	asked = 0
	body := prop("oc:owner-display-name", "oc:share-types")
	d.do("PROPFIND", "/files/", body, "Depth: 1").want(207, shared)
	if asked != 1 {
		t.Errorf("a listing asked %d times what is shared", asked)
	}
	d.do("PROPFIND", "/files/", prop("oc:permissions", "D:current-user-privilege-set"), "Depth: 1").want(207)
	d.do("PROPFIND", "/files/", "", "Depth: 1").want(207, "!oc:share", "!oc:owner")
	if asked != 1 {
		t.Error("a listing without these properties asked what is shared")
	}
}

// TestPrivileges: the privileges are those of RFC 3744.
func TestPrivileges(t *testing.T) {
	d := newShared(t, dav.Options{Patience: -1})
	const write = "<D:privilege><D:write/></D:privilege>"
	for path, want := range map[string][]string{
		"/files/f":            {write, "<D:write-content/>", "!bind"},
		"/files/photos":       {write, "<D:bind/>", "<D:unbind/>"},
		"/shared/bob/read":    {"!<D:write", "!bind"},
		"/shared/bob/write/f": {write},
	} {
		a := d.do("PROPFIND", path, prop("D:current-user-privilege-set"), "Depth: 0")
		a.want(207, append(want, "<D:current-user-privilege-set><D:privilege><D:read/></D:privilege>")...)
	}
	// Without accounts that share, nobody can say with whom.
	d.do("PROPFIND", "/files/photos", prop("oc:permissions", "oc:share-types"), "Depth: 0").want(207,
		"<oc:permissions>GDNVCK</oc:permissions>", "404")
}

// TestOffersStay: what a friend shares can't be deleted, moved or renamed, and the answer says how to leave it.
func TestOffersStay(t *testing.T) {
	d := newShared(t, dav.Options{Patience: -1})
	for _, m := range []string{"DELETE", "MOVE"} {
		d.do(m, "/shared/bob/read", "", "Destination: /files/mine").want(403,
			"postern share leave '/shared/bob/read'")
		d.do(m, "/shared/bob/read/f", "", "Destination: /files/mine").want(403, "read-only", "!leave")
	}
}
