package dav_test

import (
	"net/url"
	"strings"
	"testing"
)

// TestMoveToAnotherForm: a MOVE from one Unicode form of a name to another renames, as people and convmv do to repair
// names. A COPY would copy a file onto itself, and is refused.
func TestMoveToAnotherForm(t *testing.T) {
	const nfc, nfd = "/files/\u00fcbung", "/files/u\u0308bung"
	address := func(p string) string { return (&url.URL{Path: p}).EscapedPath() }
	for _, c := range []struct{ stored, from, to string }{
		{nfc, nfc, nfd}, {nfd, nfd, nfc},
		{nfd, nfc, nfc}, // asked for by the one form, stored in the other
		{nfc, nfd, nfd},
	} {
		for _, overwrite := range []string{"", "T", "F"} {
			for _, folder := range []bool{false, true} {
				d := newDrive(t, c.stored)
				content := c.stored
				if folder {
					d = newDrive(t, c.stored+"/", c.stored+"/in")
					content = "/"
				}
				headers := []string{"Destination: " + address(c.to)}
				if overwrite != "" {
					headers = append(headers, "Overwrite: "+overwrite)
				}
				d.do("COPY", address(c.from), "", headers...).want(403)
				d.do("MOVE", address(c.from), "", headers...).want(201)
				d.do("MOVE", address(c.from), "", headers...).want(403) // it has that form now
				d.holds(c.to, content, c.from, content)
				if name := "/files/" + d.info(c.from).Name; name != c.to {
					t.Errorf("it is called %+q, want %+q", name, c.to)
				}
				if folder {
					d.holds(c.to+"/in", c.stored+"/in")
				}
				list := d.do("PROPFIND", "/files", "", "Depth: 1").want(207).body
				if strings.Count(list, "bung") != 1 || !strings.Contains(list, address(c.to)) {
					t.Errorf("the listing has another name, or two: %s", list)
				}
			}
		}
	}
	t.Run("a locked name", func(t *testing.T) {
		d := newDrive(t, nfc)
		token := d.lock(address(nfc))
		d.do("MOVE", address(nfc), "", "Destination: "+address(nfd)).want(423)
		d.do("MOVE", address(nfc), "", "Destination: "+address(nfd), "If: (<"+token+">)").want(201)
	})
	t.Run("only the folder above in another form", func(t *testing.T) {
		d := newDrive(t, nfc+"/", nfc+"/in")
		d.do("MOVE", address(nfc)+"/in", "", "Destination: "+address(nfd)+"/in").want(403)
	})
}
