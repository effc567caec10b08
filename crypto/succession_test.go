package crypto

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"postern/crypto/alloctest"
)

type successionVector struct {
	Name       string   `json:"name"`
	Old        hexBytes `json:"oldSecret,omitempty"`
	New        hexBytes `json:"newSecret,omitempty"`
	Author     AuthorID `json:"oldAuthor"`
	Card       hexBytes `json:"card,omitempty"`
	Succession hexBytes `json:"succession"`
	Error      string   `json:"error,omitempty"`
}

func TestSuccessionVectors(t *testing.T) {
	const about = "The account of oldSecret, whose author is oldAuthor, states in succession that it goes on as that of " +
		"newSecret, whose contact card is card. Parsing it gives that or fails with error."
	from, to := AccountSecret(keyOf(0xa0)), AccountSecret(keyOf(0xb0))
	signed := func(from, to AccountSecret, c Card) []byte {
		b, err := from.Succeed(to, c)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	good := func(name string, c Card) successionVector {
		card, err := to.signCard(c)
		if err != nil {
			t.Fatal(err)
		}
		return successionVector{name, hexOf(from), hexOf(to), from.Author().ID(), card, signed(from, to, c), ""}
	}
	bad := func(name string, b []byte, kind string) successionVector {
		return successionVector{Name: name, Succession: b, Error: kind}
	}
	b := signed(from, to, testCard(to, "disk:/a"))
	self := append(bytes.Clone(b[:33]), signed(to, from, testCard(from))[33:]...)
	made := []successionVector{
		good("one store", testCard(to, "disk:/a")),
		good("four stores", testCard(to, "mem:", strings.Repeat("~", MaxStoreURL), strings.Repeat("x", MaxStoreURL), "d")),
		bad("another version", flipped(b, 0), "format"),
		bad("another old author", flipped(b, 1), "signature"),
		bad("another card", flipped(b, 34), "signature"),
		bad("another signature", flipped(b, len(b)-64), "signature"),
		bad("an author that succeeds itself", self, "format"),
		bad("cut short", b[:len(b)-1], "format"),
		bad("cut in front of the card", b[:96], "format"),
		bad("empty", hexBytes{}, "format"),
	}
	testVectors(t, "succession", about, made, func(t *testing.T, v successionVector) {
		got, err := ParseSuccession(v.Succession)
		same := false
		if err == nil {
			card, cardErr := openCard(v.Card)
			same = cardErr == nil && reflect.DeepEqual(got, Succession{v.Author, card})
			again, err := AccountSecret(v.Old).Succeed(AccountSecret(v.New), card)
			same = same && err == nil && bytes.Equal(again, v.Succession)
		}
		wantOutcome(t, v.Name, err, v.Error, same)
	})
	if _, err := from.Succeed(from, testCard(from)); err == nil {
		t.Error("an account succeeds itself")
	}
}

func FuzzParseSuccession(f *testing.F) {
	from, to := AccountSecret(fresh[[32]byte](f, "from")), AccountSecret(fresh[[32]byte](f, "to"))
	b, err := from.Succeed(to, testCard(to, "disk:/a"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)-1])
	f.Fuzz(func(t *testing.T, in []byte) {
		alloctest.Check(t, len(in), func() {
			if got, err := ParseSuccession(in); err == nil && got.Old == from.Author().ID() && !bytes.Equal(in, b) {
				t.Error("forged")
			}
		})
	})
}
