package bundle_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/bundle"
	"postern/remote/localfs"
	"postern/remote/mem"
	"postern/remote/transfer"
	"postern/remote/transfer/transfertest"
)

var (
	inbox  = crypto.InboxID{7}
	letter = transfertest.Letter()
	nameID = crypto.NameIDOf("alice")
)

// record returns a record of the name, always the same for an account and sequence.
func record(account byte, seq uint64) crypto.NameRecord {
	r, err := crypto.AccountSecret{account}.SealName("alice", seq, nil, rand.NewChaCha8([32]byte{}))
	if err != nil {
		panic(err)
	}
	return r
}

// withMail adds a letter and a record of a name.
func withMail(c bundle.Contents) bundle.Contents {
	l, r := letter, record(1, 3)
	c.Mail = []transfer.Item{{Inbox: inbox, Letter: &l}, {Name: nameID, Record: &r}}
	return c
}

// delivered checks what a store has of the letter and the name; seq 0: nothing.
func delivered(t *testing.T, what string, to remote.Store, letters int, seq uint64) {
	t.Helper()
	names, err := to.Roles().Inbox.Letters(t.Context(), inbox)
	if err != nil || len(names) != letters || letters == 1 && names[0] != letter.Name() {
		t.Errorf("%s: %d letters, %v", what, len(names), err)
	}
	r, err := to.Roles().Names.LookUp(t.Context(), nameID)
	if seq == 0 && !errors.Is(err, remote.ErrNotFound) || seq > 0 && (err != nil || r.Seq() != seq) {
		t.Errorf("%s: the record of the name has the sequence %d, %v", what, r.Seq(), err)
	}
}

// TestMailThereAndBack carries letters and a name: a whole bundle and one that builds on a base. Imports can be
// repeated, and a newer record of the name stays.
func TestMailThereAndBack(t *testing.T) {
	from, names := store(t, 4)
	err := errors.Join(from.Drop(t.Context(), inbox, letter), from.Claim(t.Context(), nameID, record(1, 3)))
	if err != nil {
		t.Fatal(err)
	}
	mail := transfer.Mail{Inboxes: []crypto.InboxID{inbox, {8}}, Names: []crypto.NameID{nameID, {9}}}
	for what, c := range map[string]bundle.Contents{
		"whole": at(state(5, 0)), "since 3": {Pointers: []crypto.Pointer{state(5, 0)}, Bases: []crypto.Pointer{state(3, 0)}},
	} {
		path := filepath.Join(t.TempDir(), "drive.bundle")
		o := bundle.ExportOptions{Mail: mail}
		if at, err := bundle.ExportFile(t.Context(), from, path, c, each(names), o); err != nil || at.Letters != 1 ||
			at.Names != 1 {
			t.Fatalf("%s: %+v, %v", what, at, err)
		}
		var streamed bytes.Buffer
		if _, err := bundle.Export(t.Context(), from, &streamed, c, each(names), o); err != nil {
			t.Fatal(err)
		}
		for _, asStream := range []bool{false, true} {
			to := mem.New()
			if err := to.Swap(t.Context(), crypto.PointerHash{}, state(3, 0)); err != nil {
				t.Fatal(err)
			}
			for _, seq := range []uint64{3, 3, 4} { // again; over a newer record
				if seq == 4 {
					if err := to.Replace(t.Context(), nameID, record(1, 4)); err != nil {
						t.Fatal(err)
					}
				}
				at, err := take(streamed.Bytes(), asStream, to, bundle.ImportOptions{Follows: transfer.BySequence})
				if err != nil || at.Letters != 1 || pointed(t, to) != 5 {
					t.Errorf("%s: %+v, %v", what, at, err)
				}
				delivered(t, what, to, 1, seq)
			}
		}
		file, err := localfs.OpenRegular(path)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(file); err != nil || !bytes.Equal(b, streamed.Bytes()) {
			t.Errorf("%s: the file has %d bytes, the stream %d, %v", what, len(b), streamed.Len(), err)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestMailFormat checks the bytes of BUNDLE.md, and that they stay those of testdata/mail.bundle. A bundle without
// letters and names stays one of version 1.
func TestMailFormat(t *testing.T) {
	b := export(t, mem.New(), withMail(at(state(5, 0))), nil)
	if string(b[:8]) != "PSTNBDL2" || string(export(t, mem.New(), at(state(5, 0)), nil)[:8]) != "PSTNBDL1" {
		t.Errorf("it begins with %q", b[:8])
	}
	if kept, err := os.ReadFile("testdata/mail.bundle"); err != nil || !bytes.Equal(kept, b) {
		t.Errorf("the bytes are not those of the file: %v", err)
	}
	r := record(1, 3)
	off := 8 + 40 + 368
	for _, want := range []struct {
		kind    byte
		payload []byte
	}{{5, append(inbox[:], letter[:]...)}, {6, append(nameID[:], r[:]...)}} {
		hash := crypto.NameOf(want.payload)
		if head := b[off : off+40]; head[0] != want.kind || binary.BigEndian.Uint32(head[4:]) != 4128 ||
			[32]byte(head[8:]) != hash || !bytes.Equal(b[off+40:off+40+4128], want.payload) {
			t.Errorf("the record of kind %d differs", want.kind)
		}
		off += 40 + 4128
	}
	if b[off] != 4 || len(b) != off+40+56 || len(b) != 8848 {
		t.Errorf("%d bytes, and a record of kind %d at %d", len(b), b[off], off)
	}
}

// forge returns a bundle made of the given records, with an end that fits.
func forge(magic string, records ...[]byte) []byte {
	b, sum, blobs, size, pointers := []byte(magic), []byte(magic), uint64(0), uint64(0), uint64(0)
	put := func(kind byte, payload []byte) {
		head := make([]byte, 40)
		head[0] = kind
		binary.BigEndian.PutUint32(head[4:], uint32(len(payload)))
		hash := crypto.NameOf(payload)
		copy(head[8:], hash[:])
		b, sum = append(append(b, head...), payload...), append(sum, head...)
	}
	for _, r := range records {
		put(r[0], r[1:])
		switch r[0] {
		case 1, 2:
			pointers++
		case 3:
			blobs, size = blobs+1, size+uint64(len(r)-1)
		}
	}
	hash := crypto.NameOf(sum)
	var end []byte
	for _, n := range []uint64{blobs, size, pointers} {
		end = binary.BigEndian.AppendUint64(end, n)
	}
	put(4, append(end, hash[:]...))
	return b
}

// TestHostileMail: bundles that break a rule for letters and names are damaged. They deliver nothing and move no
// pointer.
func TestHostileMail(t *testing.T) {
	r := record(1, 3)
	goodLetter := slices.Concat([]byte{5}, inbox[:], letter[:])
	goodName := slices.Concat([]byte{6}, nameID[:], r[:])
	pointer := append([]byte{2}, state(5, 0).Marshal()...)
	blob := []byte{3, 1, 2, 3}
	changed := func(b []byte, i int) []byte { b = bytes.Clone(b); b[i] ^= 1; return b }
	const v1, v2 = "PSTNBDL1", "PSTNBDL2"
	many := [][]byte{pointer}
	for i := range 4*remote.MaxLetters + 1 {
		l := bytes.Clone(goodLetter)
		binary.BigEndian.PutUint32(l[1:], uint32(i))
		many = append(many, l)
	}
	for what, b := range map[string][]byte{
		"a letter in version 1":        forge(v1, pointer, goodLetter),
		"a name in version 1":          forge(v1, pointer, goodName),
		"version 2 for nothing":        forge(v2, pointer, blob),
		"a blob after a letter":        forge(v2, pointer, goodLetter, blob),
		"a letter after a name":        forge(v2, pointer, goodName, goodLetter),
		"a letter before a pointer":    forge(v2, goodLetter, pointer),
		"a letter twice":               forge(v2, pointer, goodLetter, goodLetter),
		"a name twice":                 forge(v2, pointer, goodName, goodName),
		"a letter without a stamp":     forge(v2, pointer, changed(goodLetter, 100)),
		"a large letter":               forge(v2, pointer, append(bytes.Clone(goodLetter), 0)),
		"a small letter":               forge(v2, pointer, goodLetter[:4128]),
		"a record of another name":     forge(v2, pointer, changed(goodName, 1)),
		"a record that is not signed":  forge(v2, pointer, changed(goodName, 2000)),
		"a large record":               forge(v2, pointer, append(bytes.Clone(goodName), 0)),
		"an unknown kind":              forge(v2, pointer, goodLetter, []byte{7, 1}),
		"too many letters":             forge(v2, many...),
		"a letter whose hash is wrong": changed(forge(v2, pointer, goodLetter), 8+40+368+40+50),
	} {
		for _, asStream := range []bool{false, true} {
			to := mem.New()
			_, err := take(b, asStream, to, bundle.ImportOptions{})
			if remote.KindOf(err) != remote.ErrCorrupt || errors.Is(err, bundle.ErrIncomplete) || pointed(t, to) != 0 {
				t.Errorf("%s: %v", what, err)
			}
			delivered(t, what, to, 0, 0)
		}
	}
	if _, err := take(forge(v2, pointer, goodLetter, goodName), true, mem.New(), bundle.ImportOptions{}); err != nil {
		t.Errorf("a good one: %v", err)
	}
	whole := export(t, mem.New(), withMail(at(state(5, 0))), nil)
	for n := 8; n < len(whole); n += 1 + n/7 {
		to := mem.New()
		if _, err := take(whole[:n], true, to, bundle.ImportOptions{}); !errors.Is(err, bundle.ErrIncomplete) {
			t.Errorf("cut at %d: %v", n, err)
		}
		delivered(t, "cut", to, 0, 0)
	}
	if _, err := bundle.NewReader(strings.NewReader("PSTNBDL3")); remote.KindOf(err) != remote.ErrForeign {
		t.Errorf("a later version: %v", err)
	}
}

// TestWriterRefusesMail: a Writer rejects letters and names that a reader would reject.
func TestWriterRefusesMail(t *testing.T) {
	good := withMail(bundle.Contents{}).Mail
	unsigned := record(1, 3)
	unsigned[2000] ^= 1
	for what, items := range map[string][]transfer.Item{
		"a letter after a name":       {good[1], good[0]},
		"a letter twice":              {good[0], good[0]},
		"a letter without a stamp":    {{Inbox: inbox, Letter: &crypto.Letter{}}},
		"a record that is not signed": {{Name: nameID, Record: &unsigned}},
	} {
		if _, err := bundle.NewWriter(io.Discard, bundle.Contents{Mail: items}); err == nil {
			t.Errorf("%s is written", what)
		}
	}
}

// plain is a store that offers no roles.
type plain struct{ remote.Store }

func (plain) Roles() remote.Roles { return remote.Roles{} }

// TestUndelivered: blobs and pointers are imported although letters and names can't be delivered, and the error says
// so. A refused pointer delivers nothing.
func TestUndelivered(t *testing.T) {
	from, names := store(t, 2)
	b := export(t, from, withMail(at(state(5, 0))), names)
	taken := mem.New()
	if err := taken.Claim(t.Context(), nameID, record(2, 1)); err != nil {
		t.Fatal(err)
	}
	for what, to := range map[string]remote.Store{"no roles": plain{mem.New()}, "the name is taken": taken} {
		at, err := take(b, false, to, bundle.ImportOptions{})
		var undelivered *bundle.Undelivered
		if !errors.As(err, &undelivered) || remote.KindOf(err) != remote.ErrRefused || at.Copied != 2 || pointed(t, to) != 5 {
			t.Errorf("%s: %+v, %v", what, at, err)
		}
	}
	delivered(t, "the name is taken", taken, 1, 1)
	ahead := mem.New()
	if err := ahead.Swap(t.Context(), crypto.PointerHash{}, state(6, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := take(b, false, ahead, bundle.ImportOptions{}); !errors.Is(err, remote.ErrRollback) {
		t.Error(err)
	}
	delivered(t, "a refused pointer", ahead, 0, 0)
	if _, err := bundle.Export(t.Context(), plain{from}, io.Discard, at(), each(names),
		bundle.ExportOptions{Mail: transfer.Mail{Inboxes: []crypto.InboxID{inbox}, Names: []crypto.NameID{nameID}}},
	); err != nil {
		t.Errorf("from a store without roles: %v", err)
	}
}
