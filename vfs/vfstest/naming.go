package vfstest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"postern/vfs"
)

func testOddNames(d drive) {
	odd := []string{
		" ", "  leading", "trailing ", "a b", "a%20b", "a%2Fb", "...", ".hidden", "trailing.", "con", "NUL.txt", "a:b",
		`back\slash`,
		"quote\"", "'", "<>|?*", "#fragment", "?query", "&amp;", ";a=b", "+", "~", "-rf", "$HOME", "`x`", "new\nline",
		"tab\t", "\x01\x7f",
		"é", "日本語.txt", "🎬 film.mkv", "\u202eright to left", "zero\u200dwidth", "\ufeffmark", "ß", "ﬁ", "Å", "\u0301 alone",
		strings.Repeat("x", vfs.MaxName), strings.Repeat("語", vfs.MaxName/3), "Icon\r", "._x", "~$lock.docx", "#recycle", "*",
	}
	for _, name := range odd {
		d.put("/files/"+name, name)
	}
	names := d.names("/files")
	if len(names) != len(odd) {
		d.t.Errorf("%d names were stored, %d are listed", len(odd), len(names))
	}
	for _, name := range odd {
		if !slices.Contains(names, name) {
			d.t.Errorf("the listing lacks %q", name)
		}
		d.wantInfo(d.stat("/files/"+name), name, name)
		if got := d.read("/files/" + name); got != name {
			d.t.Errorf("%q holds %q", name, got)
		}
	}
	d.mkdir("/files/dir\n")
	for i, name := range odd {
		_, err := d.move(false)("/files/"+name, "/files/dir\n/"+odd[len(odd)-1-i])
		d.must(err)
	}
	if diff := cmp.Diff(names, d.names("/files/dir\n")); diff != "" {
		d.t.Errorf("after the moves (-want +got):\n%s", diff)
	}
	for _, name := range odd {
		d.must(d.Remove(d.ctx(), "/files/dir\n/"+name, nil))
	}
	d.wantTree("/files", "/files/dir\n/")
}

func testBadNames(d drive) {
	d.put("/files/f", "F")
	d.mkdir("/files/dir")
	check := d.unchanged()
	bad := []string{
		".", "..", "\x00", "a\x00b", "\xff", "a\xc3", "\xed\xa0\x80", strings.Repeat("x", vfs.MaxName+1),
		strings.Repeat("語", vfs.MaxName/3+1),
	}
	for _, name := range bad {
		for _, path := range []string{"/files/" + name, "/files/dir/" + name, "/files/" + name + "/below"} {
			_, err := d.Stat(d.ctx(), path)
			d.fails(err, vfs.ErrNotExist)
			_, err = d.Open(d.ctx(), path)
			d.fails(err, vfs.ErrNotExist)
			_, _, err = tryPut(d.ctx(), d, path, []byte("x"), vfs.CommitOptions{})
			d.fails(err, vfs.ErrName)
			d.fails(d.Mkdir(d.ctx(), path, nil), vfs.ErrName)
			d.fails(d.Remove(d.ctx(), path, nil), vfs.ErrName, vfs.ErrNotExist)
			d.fails(d.Patch(d.ctx(), path, vfs.Patch{Modified: ns(1990)}, nil), vfs.ErrName, vfs.ErrNotExist)
			for _, do := range []func(from, to string) (bool, error){d.move(true), d.copy(true)} {
				_, err = do("/files/f", path)
				d.fails(err, vfs.ErrName)
				_, err = do(path, "/files/new")
				d.fails(err, vfs.ErrName, vfs.ErrNotExist)
			}
		}
	}
	check()
}

func testUnicode(d drive) {
	const nfc, nfd = "caf\u00e9 \ud55c", "cafe\u0301 \u1112\u1161\u11ab"
	d.mkdir("/files/" + nfd)
	d.put("/files/"+nfc+"/"+nfd, "1")
	if got := d.stat("/files/" + nfc).Name; got != nfd {
		d.t.Errorf("the folder's name came back as %q, want %q as stored", got, nfd)
	}
	if got := d.read("/files/" + nfd + "/" + nfc); got != "1" {
		d.t.Errorf("by the other form the file reads %q", got)
	}
	d.fails(d.Mkdir(d.ctx(), "/files/"+nfc, nil), vfs.ErrExist)
	info, replaced, err := tryPut(d.ctx(), d, "/files/"+nfc+"/"+nfc, []byte("2"), vfs.CommitOptions{})
	d.must(err)
	if !replaced || info.Name != nfd {
		d.t.Errorf("an overwrite by the other form: replaced %v, name %q, want %q kept", replaced, info.Name, nfd)
	}
	d.wantTree("/files", "/files/"+nfd+"/", "/files/"+nfd+"/"+nfd+"=2")

	_, err = d.move(true)("/files/"+nfd, "/files/"+nfd)
	d.fails(err, vfs.ErrInvalid)
	_, err = d.move(false)("/files/"+nfd, "/files/"+nfc+"/inside")
	d.fails(err, vfs.ErrInvalid)
	_, err = d.copy(true)("/files/"+nfd+"/"+nfc, "/files/"+nfc+"/"+nfd)
	d.fails(err, vfs.ErrInvalid)
	d.must(d.Patch(d.ctx(), "/files/"+nfc+"/"+nfc, vfs.Patch{Set: props("p=1")}, nil))
	d.wantProps("/files/"+nfd+"/"+nfd, props("p=1")...)

	// A move from one form to the other only changes the form.
	for i, form := range []string{nfc, nfd} {
		replaced, err := d.move(i == 0)("/files/"+nfc+"/"+nfd, "/files/"+nfd+"/"+form)
		d.must(err)
		if replaced {
			d.t.Error("a change of the form is said to have replaced something")
		}
		d.wantTree("/files", "/files/"+nfd+"/", "/files/"+nfd+"/"+form+"=2 +p")
	}

	// Sorted by the normalised form: decomposed é would come before f, composed é comes after z.
	for _, name := range []string{"e\u0301", "f", "z", "E"} {
		d.mkdir("/files/" + nfc + "/" + name)
	}
	if diff := cmp.Diff([]string{"E", nfd, "f", "z", "e\u0301"}, d.names("/files/"+nfc)); diff != "" {
		d.t.Errorf("the order is wrong (-want +got):\n%s", diff)
	}
	d.must(d.Remove(d.ctx(), "/files/"+nfc+"/"+nfc, nil))
	d.must(d.Remove(d.ctx(), "/files/"+nfc, nil))
	d.wantTree("/files")
	d.mkdir("/files/" + nfc) // once it is gone the name is free in any form
	d.wantTree("/files", "/files/"+nfc+"/")
}

func testDeep(d drive) {
	const depth = 120
	path := "/files"
	for i := range depth {
		path += fmt.Sprintf("/level %03d", i)
		d.mkdir(path)
	}
	d.put(path+"/f", "deep")
	_, err := d.move(false)("/files/level 000", "/files/moved")
	d.must(err)
	_, err = d.copy(false)("/files/moved", "/files/copied")
	d.must(err)
	for _, top := range []string{"moved", "copied"} {
		if got := d.read(strings.Replace(path, "level 000", top, 1) + "/f"); got != "deep" {
			d.t.Errorf("below %s the file reads %q", top, got)
		}
		if size := d.stat("/files/" + top).Size; size != 4 {
			d.t.Errorf("%s has %d bytes, want 4", top, size)
		}
	}
	_, err = d.move(true)("/files/moved", strings.Replace(path, "level 000", "moved", 1)+"/in")
	d.fails(err, vfs.ErrInvalid)
	d.must(d.Remove(d.ctx(), strings.Replace(path, "level 000", "moved", 1), nil))
	_, err = d.Stat(d.ctx(), strings.Replace(path, "level 000", "moved", 1)+"/f")
	d.fails(err, vfs.ErrNotExist)
	if got := d.read(strings.Replace(path, "level 000", "copied", 1) + "/f"); got != "deep" {
		d.t.Errorf("the copy reads %q", got)
	}
}
