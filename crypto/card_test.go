package crypto

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"postern/crypto/alloctest"
)

// testCard returns a card with a door, a name and stores.
func testCard(s AccountSecret, stores ...string) Card {
	return s.own(Card{Seq: 7, Inbox: s.Door(3), Name: "bob", Stores: stores})
}

func signedCard(t testing.TB, s AccountSecret, c Card) string {
	t.Helper()
	text, err := s.SignCard(c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestCardRoundTrip(t *testing.T) {
	s := AccountSecret(fresh[[32]byte](t, "card"))
	for _, c := range []Card{testCard(s), testCard(s, "disk:/mnt/nas/postern"), s.own(Card{}),
		testCard(s, strings.Repeat("x", MaxStoreURL), "s3://bucket", "mem:", strings.Repeat("y", MaxStoreURL))} {
		text := signedCard(t, s, c)
		if got, err := ParseCard(text); err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("the card of %d characters comes back as another: %v", len(text), err)
		}
		if len(text) > MaxContactCard {
			t.Errorf("%d characters", len(text))
		}
	}
	if n := len(signedCard(t, s, testCard(s, "disk:/mnt/nas/postern"))); n > 1900 {
		t.Errorf("a card with one store has %d characters", n)
	}
}

func TestCardsThatCannotBeWritten(t *testing.T) {
	s := AccountSecret(fresh[[32]byte](t, "card"))
	long := strings.Repeat("x", MaxStoreURL)
	for what, c := range map[string]Card{
		"a name with a capital": {Name: "Bob"},
		"a long name":           {Name: strings.Repeat("b", 65)},
		"a blank in a URL":      {Stores: []string{"disk:/my files"}},
		"five stores":           {Stores: []string{"a", "b", "c", "d", "e"}},
		"too much":              {Stores: []string{long, long, long}},
	} {
		if _, err := s.SignCard(c); err == nil {
			t.Errorf("%s: it is written", what)
		}
	}
}

func TestDoors(t *testing.T) {
	s, other := AccountSecret(keyOf(0xa0)), AccountSecret(keyOf(0xa1))
	seen := map[InboxID]bool{s.InboxID(): true}
	for n := range uint32(10) {
		for _, door := range []InboxID{s.Door(n), other.Door(n)} {
			if seen[door] {
				t.Errorf("door %d is another inbox, too", n)
			}
			seen[door] = true
		}
		if s.Door(n) != s.Door(n) {
			t.Error("another device computes another door")
		}
	}
}

type cardVector struct {
	Name   string   `json:"name"`
	Secret hexBytes `json:"secret,omitempty"`
	Seq    uint64   `json:"seq,string,omitempty"`
	Door   uint32   `json:"door,omitempty"`
	Inbox  hexBytes `json:"inbox,omitempty"`
	Meet   hexBytes `json:"meetKey,omitempty"`
	User   string   `json:"user,omitempty"`
	Stores []string `json:"stores,omitempty"`
	Card   hexBytes `json:"card"`
	Error  string   `json:"error,omitempty"`
}

func TestContactVectors(t *testing.T) {
	const about = "The account of secret, whose meet key is given and whose door number door is inbox, signs card, " +
		"with this sequence number, name and stores. Opening card, the bytes behind postern:card#, gives that or fails " +
		"with error."
	s := AccountSecret(keyOf(0xa0))
	meet := s.Meet().Public()
	bytesOf := func(c Card) []byte {
		b, err := s.signCard(c)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	good := func(name string, c Card) cardVector {
		return cardVector{name, hexOf(s), c.Seq, 3, hexOf(c.Inbox), meet[:], c.Name, c.Stores, bytesOf(c), ""}
	}
	bad := func(name string, b []byte, kind string) cardVector {
		return cardVector{Name: name, Card: b, Error: kind}
	}
	// signed returns the bytes of a card, as its author would sign them, with its end replaced.
	signed := func(c Card, cut int, end ...byte) []byte {
		b := bytesOf(c)
		b = append(b[:len(b)-64-cut], end...)
		sig := s.Author().key.sign(append(signedMessage(labelSignContact, len(b)), b...))
		return append(b, sig[:]...)
	}
	c := testCard(s, "disk:/mnt/nas/postern")
	b := bytesOf(c)
	offName := 1 + packedOffName + 1
	made := []cardVector{
		good("one store", c),
		good("no store, no name", s.own(Card{Seq: 1<<64 - 1, Inbox: s.Door(3)})),
		good("four stores", testCard(s, "mem:", "disk:/a", strings.Repeat("~", MaxStoreURL), "s3://bucket/prefix")),
		bad("another version", flipped(b, 0), "format"),
		bad("another sequence number", flipped(b, 8), "signature"),
		bad("another author", flipped(b, 9), "signature"),
		bad("another inbox", flipped(b, packedOffInbox), "signature"),
		bad("another signature", flipped(b, len(b)-64), "signature"),
		bad("a name with a capital", bytes.Replace(b, []byte("bob"), []byte("Bob"), 1), "format"),
		bad("a name beyond the end", append(bytes.Clone(b[:offName-1]), b[offName:]...), "format"),
		bad("cut off in a URL", signed(c, 3), "format"),
		bad("cut off in front of the stores", signed(testCard(s), 1), "format"),
		bad("five stores", signed(testCard(s), 1, 5), "format"),
		bad("an empty URL", signed(testCard(s), 1, 1, 0, 0), "format"),
		bad("bytes behind the stores", signed(c, 0, 0), "format"),
		bad("empty", hexBytes{}, "format"),
	}
	testVectors(t, "contact", about, made, func(t *testing.T, v cardVector) {
		got, err := ParseCard(CardPrefix + text.EncodeToString(v.Card))
		want := Card{Seq: v.Seq, Name: v.User, Stores: v.Stores}
		if v.Error == "" {
			s := AccountSecret(v.Secret)
			want.Inbox = s.Door(v.Door)
			want = s.own(want)
			again, err := s.signCard(want)
			wantOutcome(t, v.Name+", signed", err, "", bytes.Equal(again, v.Card) && bytes.Equal(v.Inbox, want.Inbox[:]))
		}
		wantOutcome(t, v.Name, err, v.Error, reflect.DeepEqual(got, want))
	})
}

// A card that no letter could hold is refused, though its author has signed it.
func TestCardThatIsTooLong(t *testing.T) {
	s := AccountSecret(keyOf(0xa0))
	b, err := s.own(Card{}).pack([]byte{cardVersion})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", MaxStoreURL)
	if b, err = appendStores(b[:len(b)-1], []string{long, long, long}); err != nil {
		t.Fatal(err)
	}
	sig := s.Author().key.sign(append(signedMessage(labelSignContact, len(b)), b...))
	_, err = openCard(append(b, sig[:]...))
	wantKind(t, err, ErrFormat, "too long")
}

func TestCardTextHasOneSpelling(t *testing.T) {
	good := signedCard(t, AccountSecret(keyOf(0xa0)), testCard(AccountSecret(keyOf(0xa0)), "disk:/a"))
	for what, text := range map[string]string{
		"no prefix":       good[len(CardPrefix):],
		"another":         "Postern:card#" + good[len(CardPrefix):],
		"a line break":    good[:1000] + "\n" + good[1000:],
		"a blank":         good + " ",
		"padding":         good + "=",
		"cut off":         good[:len(good)-1],
		"too long":        good + strings.Repeat("A", MaxContactCard),
		"nothing":         "",
		"the + of base64": CardPrefix + strings.Replace(good[len(CardPrefix):], "-", "+", 1),
	} {
		_, err := ParseCard(text)
		if err == nil {
			t.Errorf("%s: it is taken", what)
		}
	}
}

func FuzzParseCard(f *testing.F) {
	s := AccountSecret(fresh[[32]byte](f, "fuzz"))
	for _, c := range []Card{testCard(s), testCard(s, "disk:/a", "mem:")} {
		text := signedCard(f, s, c)
		b, _ := s.signCard(c)
		f.Add(text, b[:len(b)-64])
	}
	f.Add("", []byte{cardVersion})
	f.Fuzz(func(t *testing.T, typed string, b []byte) {
		alloctest.Check(t, len(typed)+len(b), func() {
			if c, err := ParseCard(typed); err == nil {
				if c.Author != s.Author().ID() || signedCard(t, s, c) != typed {
					t.Errorf("%q is taken for another card", typed)
				}
			}
			// What a malicious author signs is written in one way, too.
			sig := s.Author().key.sign(append(signedMessage(labelSignContact, len(b)), b...))
			signed := append(bytes.Clone(b), sig[:]...)
			c, err := openCard(signed)
			if err != nil {
				return
			}
			if again, err := c.pack([]byte{cardVersion}); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%s is taken for another card, %v", hex.EncodeToString(b), err)
			}
		})
	})
}
