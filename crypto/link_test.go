package crypto

import (
	"bytes"
	"strings"
	"testing"

	"postern/crypto/alloctest"
)

const linkPhrase = "correct horse battery staple"

// sealedLink returns a link, its read key, and state seq of its pointer.
func sealedLink(t testing.TB, x LinkSeed, password string, seq uint64, to LinkTarget) (Link, ReadKey, Pointer) {
	t.Helper()
	l := x.Link(StoreID(counting(16)), password != "")
	k, err := l.ReadKey(password)
	if err != nil {
		t.Fatal(err)
	}
	p, err := x.SealLink(k, seq, to, bytes.NewReader(counting(32)))
	if err != nil {
		t.Fatal(err)
	}
	return l, k, p
}

func TestLinkRoundTrip(t *testing.T) {
	x, c := LinkSeed(keyOf(0x50)), testCapability(0x90)
	for _, password := range []string{"", linkPhrase} {
		for _, to := range []LinkTarget{
			{Space: c.ReadOnly(), File: true, Expires: 1 << 40, Name: "talk.pdf"},
			{Space: c, Name: strings.Repeat("é", MaxLinkName/2)},
		} {
			l, k, p := sealedLink(t, x, password, 3, to)
			if got, err := l.Open(k, p); err != nil || got != to {
				t.Errorf("another target, or %v", err)
			}
			if !p.Listed || p.ID != l.Pointer {
				t.Error("its pointer differs from those of spaces")
			}
			url, err := l.URL("https://drive.example.org:8443/a/")
			if err != nil || !strings.HasPrefix(url, "https://drive.example.org:8443/a/l#") {
				t.Errorf("%q, %v", url, err)
			}
			for _, text := range []string{l.Text(), url} {
				if got, err := ParseLink(text); err != nil || got != l {
					t.Errorf("it is taken for another link: %v", err)
				}
			}
			if n := len(l.Text()); n != len("postern:link#")+108 {
				t.Errorf("%d characters", n)
			}
		}
	}
}

func TestLinkNeedsItsPassword(t *testing.T) {
	x := LinkSeed(keyOf(0x50))
	l, _, p := sealedLink(t, x, linkPhrase, 1, LinkTarget{Space: testCapability(0x90), Name: "a"})
	_, err := l.ReadKey("")
	wantKind(t, err, ErrPassword, "no password")
	k, err := l.ReadKey("another")
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Open(k, p)
	wantKind(t, err, ErrPassword, "another password")
	without := l
	without.Password = false // as whoever has the link could change it
	if k, err = without.ReadKey(""); err != nil {
		t.Fatal(err)
	}
	_, err = without.Open(k, p)
	wantKind(t, err, ErrOpen, "a link whose password is left out")
	if _, err := without.ReadKey("a"); err == nil {
		t.Error("a password is taken that nothing needs")
	}
}

func TestLinksThatCannotBeWritten(t *testing.T) {
	x := LinkSeed(keyOf(0x50))
	for _, name := range []string{"", ".", "..", "a/b", "a\n", "\xff", "a\u202eb", strings.Repeat("x", MaxLinkName+1)} {
		to := LinkTarget{Space: testCapability(0x90), Name: name}
		if _, err := x.SealLink(ReadKey{}, 1, to, bytes.NewReader(counting(32))); err == nil {
			t.Errorf("a link to %q is written", name)
		}
	}
	for _, base := range []string{"", "drive.example.org", "ftp://a", "https://", "https:///a", "https://a b", "https://a?b",
		"https://a#b", "https://" + strings.Repeat("a", maxLinkURL)} {
		if url, err := x.Link(StoreID{}, false).URL(base); err == nil {
			t.Errorf("%q gives %d characters", base, len(url))
		}
	}
}

func TestLinkTextHasOneSpelling(t *testing.T) {
	good := LinkSeed(keyOf(0x50)).Link(StoreID(counting(16)), false).Text()
	encoded := good[len("postern:link#"):]
	for what, text := range map[string]string{
		"a later version": "postern:link#" + "Aw" + encoded[2:],
		"cut off":         good[:len(good)-1],
		"longer":          good + "A",
		"padding":         good + "=",
		"a line break":    good[:60] + "\n" + good[61:],
		"another page":    "https://a/m#" + encoded,
		"no host":         "https:///l#" + encoded,
		"no scheme":       "//a/l#" + encoded,
		"no fragment":     "https://a/l",
		"two fragments":   "https://a/l##" + encoded[1:],
		"nothing":         "",
	} {
		if _, err := ParseLink(text); err == nil {
			t.Errorf("%s: it is taken", what)
		} else {
			wantKind(t, err, ErrFormat, what)
		}
	}
}

type linkVector struct {
	Name    string   `json:"name"`
	Seed    hexBytes `json:"seed,omitempty"`
	Pass    string   `json:"password,omitempty"`
	Link    string   `json:"link"`
	Reader  hexBytes `json:"readKey"`
	Salt    hexBytes `json:"salt,omitempty"`
	Seq     uint64   `json:"seq,string,omitempty"`
	Space   hexBytes `json:"space,omitempty"`
	File    bool     `json:"file,omitempty"`
	Expires uint64   `json:"expires,string,omitempty"`
	Target  string   `json:"targetName,omitempty"`
	Pointer hexBytes `json:"pointer"`
	Error   string   `json:"error,omitempty"`
}

func TestLinkVectors(t *testing.T) {
	const about = "The creator of link keeps seed. With this password, or none, its pointer's values open under readKey. " +
		"pointer is state seq, sealed with salt. It leads to the capability space, with file, expires and targetName, or " +
		"fails with error."
	x, c := LinkSeed(keyOf(0x50)), testCapability(0x90)
	good := func(name, password string, seq uint64, to LinkTarget) linkVector {
		l, k, p := sealedLink(t, x, password, seq, to)
		return linkVector{name, hexOf(x), password, l.Text(), hexOf(k), counting(32), seq, to.Space.Marshal(), to.File,
			to.Expires, to.Name, p.Marshal(), ""}
	}
	l, k, p := sealedLink(t, x, "", 1, LinkTarget{Space: c, Name: "a"})
	bad := func(name string, p Pointer, kind string) linkVector {
		return linkVector{Name: name, Link: l.Text(), Reader: hexOf(k), Pointer: p.Marshal(), Error: kind}
	}
	holding := func(plain ...[]byte) Pointer {
		p, err := x.seal(k, 1, bytes.Join(plain, nil), bytes.NewReader(counting(32)))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	revoked, err := x.RevokeLink(k, 2, bytes.NewReader(counting(32)))
	if err != nil {
		t.Fatal(err)
	}
	_, _, other := sealedLink(t, LinkSeed(keyOf(0x51)), "", 1, LinkTarget{Space: c, Name: "a"})
	forged, never, read := p, make([]byte, 8), c.ReadOnly().Marshal()
	forged.Seq++
	made := []linkVector{
		good("a file to read", "", 1, LinkTarget{Space: c.ReadOnly(), File: true, Expires: 1_800_000_000, Name: "talk.pdf"}),
		good("a folder to write", "", 9, LinkTarget{Space: c, Name: strings.Repeat("x", MaxLinkName)}),
		good("with a password", linkPhrase, 1, LinkTarget{Space: c, Name: "photos"}),
		bad("revoked", revoked, "revoked"),
		bad("another link's", other, "signature"),
		bad("forged", forged, "signature"),
		bad("an unknown kind", holding([]byte{4}, never, read, []byte("a")), "format"),
		bad("no target", holding([]byte{linkToFile}, never), "format"),
		bad("no name", holding([]byte{linkToFile}, never, read), "format"),
		bad("a capability cut off", holding([]byte{linkToFile}, never, c.Marshal()[:140]), "format"),
		bad("a path for a name", holding([]byte{linkToFile}, never, read, []byte("a/b")), "format"),
		bad("more behind the revocation", holding([]byte{linkRevoked}, never), "format"),
		bad("nothing", holding(), "format"),
	}
	testVectors(t, "link", about, made, func(t *testing.T, v linkVector) {
		l, err := ParseLink(v.Link)
		if err != nil {
			t.Fatal(err)
		}
		k, err := l.ReadKey(v.Pass)
		if err != nil || !bytes.Equal(k[:], v.Reader) {
			t.Errorf("%s: another read key, or %v", v.Name, err)
		}
		p, err := ParsePointer(v.Pointer)
		if err != nil {
			t.Fatal(err)
		}
		to, err := l.Open(k, p)
		same := err == nil && bytes.Equal(to.Space.Marshal(), v.Space) && to.File == v.File && to.Expires == v.Expires &&
			to.Name == v.Target
		wantOutcome(t, v.Name, err, v.Error, same)
		if v.Error == "" {
			again, err := LinkSeed(v.Seed).SealLink(k, v.Seq, to, bytes.NewReader(v.Salt))
			wantOutcome(t, v.Name+", sealed", err, "", again == p && LinkSeed(v.Seed).Link(l.Store, v.Pass != "") == l)
		}
	})
}

func FuzzParseLink(f *testing.F) {
	l := LinkSeed(fresh[[32]byte](f, "fuzz")).Link(StoreID{1}, true)
	f.Add(l.Text())
	url, err := l.URL("https://example.org")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(url)
	f.Add("postern:link#")
	f.Fuzz(func(t *testing.T, s string) {
		alloctest.Check(t, len(s), func() {
			l, err := ParseLink(s)
			if err != nil {
				wantKind(t, err, ErrFormat, "refused")
				return
			}
			page, _, _ := strings.Cut(s, "#")
			if url, err := l.URL(strings.TrimSuffix(page, "/l")); l.Text() != s && (err != nil || url != s) {
				t.Errorf("%q is taken for another link", s)
			}
		})
	})
}

func FuzzParseLinkTarget(f *testing.F) {
	c := testCapability(0x90)
	f.Add(append([]byte{linkToFolder, 8: 1}, append(c.Marshal(), "photos"...)...))
	f.Add(append([]byte{linkToFile, 8: 1}, append(c.ReadOnly().Marshal(), "a"...)...))
	f.Add([]byte{linkRevoked})
	x := LinkSeed(fresh[[32]byte](f, "fuzz"))
	l := x.Link(StoreID{}, false)
	k, err := l.ReadKey("")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		alloctest.Check(t, len(b), func() {
			to, err := parseLinkTarget(b)
			if err != nil || len(b) > MaxValue {
				return
			}
			p, err := x.SealLink(k, 1, to, bytes.NewReader(counting(32)))
			if err != nil {
				t.Fatalf("%x can't be written: %v", b, err)
			}
			if again, err := OpenValue(k, p); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%x is taken for %x, %v", b, again, err)
			}
		})
	})
}
