package crypto

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"postern/crypto/alloctest"
)

// named returns state seq of the record of a name.
func named(t testing.TB, s AccountSecret, name string, seq uint64, stores ...string) NameRecord {
	t.Helper()
	r, err := s.SealName(name, seq, stores, bytes.NewReader(counting(32)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNameRoundTrip(t *testing.T) {
	s := AccountSecret(fresh[[32]byte](t, "name"))
	stores := []string{"s3://bucket/prefix?endpoint=example.org", strings.Repeat("x", MaxStoreURL), "disk:/a",
		"p2p:/ip4/127.0.0.1"}
	for n := range MaxStores + 1 {
		r := named(t, s, "alice", 7, stores[:n]...)
		if err := r.Verify(NameIDOf("alice")); err != nil || r.Seq() != 7 {
			t.Fatalf("sequence %d, %v", r.Seq(), err)
		}
		card, err := r.Open("alice")
		if err != nil {
			t.Fatal(err)
		}
		if card.Author != s.Author().ID() || card.Meet != s.Meet().Public() || card.Inbox != s.InboxID() ||
			!slices.Equal(card.Stores, stores[:n]) {
			t.Errorf("with %d stores the card is another", n)
		}
	}
	again, bob := named(t, s, "alice", 8), named(t, s, "bob", 7)
	alice := named(t, s, "alice", 7)
	if alice.Holder() != again.Holder() || alice.Holder() == bob.Holder() || AuthorID(alice.Holder()) == s.Author().ID() {
		t.Error("a holder is of one name, and shows no author")
	}
	wantKind(t, bob.Verify(NameIDOf("alice")), ErrSignature, "the record of another name")
	_, err := bob.Open("alice")
	wantKind(t, err, ErrSignature, "the record of another name")
}

// An account that succeeds another goes on with its name.
func TestNameOfAnEarlierAccount(t *testing.T) {
	old, next := AccountSecret(fresh[[32]byte](t, "old")), AccountSecret(fresh[[32]byte](t, "next"))
	before := named(t, old, "alice", 7)
	r, err := next.SealHeldName(old.Holder("alice"), "alice", 8, nil, bytes.NewReader(counting(32)))
	if err != nil {
		t.Fatal(err)
	}
	card, err := r.Open("alice")
	if err != nil || card.Author != next.Author().ID() || card.Inbox != next.InboxID() || card.Seq != 8 {
		t.Errorf("the card is another, %v", err)
	}
	if r.Holder() != before.Holder() || r.Holder() != old.Holder("alice").ID() {
		t.Error("the holder is another")
	}
}

func TestNamesThatCannotBeWritten(t *testing.T) {
	s := AccountSecret(fresh[[32]byte](t, "name"))
	for what, c := range map[string]struct {
		name   string
		stores []string
	}{
		"upper case":     {"Alice", nil},
		"empty":          {"", nil},
		"a blank":        {"alice", []string{"disk:/my files"}},
		"an empty URL":   {"alice", []string{""}},
		"a long URL":     {"alice", []string{strings.Repeat("x", MaxStoreURL+1)}},
		"too many":       {"alice", slices.Repeat([]string{"mem:"}, MaxStores+1)},
		"not ASCII":      {"alice", []string{"disk:/ä"}},
		"a line feed":    {"alice", []string{"disk:/a\n"}},
		"no randomness ": {"alice", nil},
	} {
		random := bytes.NewReader(counting(32))
		if strings.HasPrefix(what, "no") && c.stores == nil {
			random = bytes.NewReader(nil)
		}
		if _, err := s.SealName(c.name, 1, c.stores, random); err == nil {
			t.Errorf("%s: it is written", what)
		}
	}
}

// forgedCard returns a record that its holder has signed, with other bytes for a card.
func forgedCard(s AccountSecret, name string, plain []byte) NameRecord {
	id := NameIDOf(name)
	holder := newSigner(derive(s, id[:], labelAccountHolder))
	public := holder.public()
	head := append([]byte(nameMagic), public[:]...)
	head = append(head, make([]byte, 8)...)
	head = append(head, keyOf32(0x31)...)
	sig := s.Author().key.sign(cardMessage(id, head, plain[:cardOffSignature]))
	copy(plain[cardOffSignature:], sig[:])
	b := sealOnce(bytes.Clone(head), nameKey(name, head[nameOffSalt:]), plain, nameAD(id, head))
	sig = holder.sign(nameMessage(id, b))
	return NameRecord(append(b, sig[:]...))
}

func keyOf32(b byte) []byte { k := keyOf(b); return k[:] }

// cardOf returns the plain card of a record.
func cardOf(t testing.TB, r NameRecord, name string) []byte {
	t.Helper()
	plain, err := openOnce(nil, nameKey(name, r[nameOffSalt:nameOffSealed]), r[nameOffSealed:nameOffSignature],
		nameAD(NameIDOf(name), r[:nameOffSealed]))
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

type nameVector struct {
	Name   string   `json:"name"`
	User   string   `json:"user"`
	ID     hexBytes `json:"id"`
	Secret hexBytes `json:"secret,omitempty"`
	Seq    uint64   `json:"seq,string"`
	Salt   hexBytes `json:"salt,omitempty"`
	Stores []string `json:"stores,omitempty"`
	Meet   hexBytes `json:"meetKey,omitempty"`
	Record hexBytes `json:"record"`
	Error  string   `json:"error,omitempty"`
}

func TestNameVectors(t *testing.T) {
	const about = "The account of secret, whose meet key is given, makes record for state seq of the name user with " +
		"this salt and these stores. " +
		"Opening it gives the account's author id, meet key, inbox id and the stores, or fails with error."
	s := AccountSecret(keyOf(0xa0))
	meet := s.Meet().Public()
	good := func(name, user string, seq uint64, stores ...string) nameVector {
		r, id := named(t, s, user, seq, stores...), NameIDOf(user)
		return nameVector{name, user, id[:], hexOf(s), seq, r[nameOffSalt:nameOffSealed], stores, meet[:], r[:], ""}
	}
	plain := named(t, s, "alice", 1, "disk:/a")
	bad := func(name string, b []byte, kind string) nameVector {
		id := NameIDOf("alice")
		return nameVector{Name: name, User: "alice", ID: id[:], Seq: 1, Record: b, Error: kind}
	}
	changed := func(at int, to byte) []byte {
		card := cardOf(t, plain, "alice")
		card[at] = to
		r := forgedCard(s, "alice", card)
		return r[:]
	}
	unsigned := cardOf(t, plain, "alice")
	head := plain[:nameOffSealed]
	unsigned[cardSize-1] ^= 1
	id := NameIDOf("alice")
	sealed := sealOnce(bytes.Clone(head), nameKey("alice", head[nameOffSalt:]), unsigned, nameAD(id, head))
	sig := newSigner(derive(s, id[:], labelAccountHolder)).sign(nameMessage(id, sealed))
	another := named(t, s, "bob", 1)
	made := []nameVector{
		good("no store", "alice", 1),
		good("one store", "alice", 2, "s3://bucket/prefix"),
		good("four stores", "bob_2", 1<<64-1, "mem:", strings.Repeat("~", MaxStoreURL), "disk:/a", "p2p:/x"),
		bad("another magic", flipped(plain[:], 0), "format"),
		bad("another holder", flipped(plain[:], nameOffHolder), "signature"),
		bad("another sequence number", flipped(plain[:], nameOffSalt-1), "signature"),
		bad("another card", flipped(plain[:], nameOffSealed), "signature"),
		bad("another signature", flipped(plain[:], nameOffSignature), "signature"),
		bad("another name", another[:], "signature"),
		bad("five stores", changed(cardOffStores, 5), "format"),
		bad("a blank in a URL", changed(cardOffStores+3, ' '), "format"),
		bad("padding that is not zero", changed(cardOffSignature-1, 1), "format"),
		bad("a card that its author has not signed", append(sealed, sig[:]...), "signature"),
	}
	testVectors(t, "name", about, made, func(t *testing.T, v nameVector) {
		r, err := ParseNameRecord(v.Record)
		if err != nil {
			t.Fatal(err)
		}
		card, err := r.Open(v.User)
		same := slices.Equal(card.Stores, v.Stores) && r.Seq() == v.Seq && bytes.Equal(card.Meet[:], v.Meet)
		wantOutcome(t, v.Name, err, v.Error, same)
		if v.Error == "" {
			again, err := AccountSecret(v.Secret).SealName(v.User, v.Seq, v.Stores, bytes.NewReader(v.Salt))
			wantOutcome(t, v.Name+", sealed", err, "", again == r)
		}
	})
}

func FuzzOpenName(f *testing.F) {
	s := AccountSecret(fresh[[32]byte](f, "fuzz"))
	r := named(f, s, "alice", 1, "disk:/a", "mem:")
	f.Add(r[:], cardOf(f, r, "alice"))
	f.Add(r[:NameRecordSize-1], make([]byte, cardSize))
	f.Fuzz(func(t *testing.T, b, start []byte) {
		alloctest.Check(t, len(b)+len(start)+NameRecordSize, func() {
			if got, err := ParseNameRecord(b); err != nil {
				wantKind(t, err, ErrFormat, "refused")
			} else if _, err := got.Open("alice"); err == nil && got != r {
				t.Error("forged")
			}
			plain := make([]byte, cardSize)
			copy(plain, start)
			forged := forgedCard(s, "alice", plain)
			card, err := forged.Open("alice")
			if err != nil {
				return // the card may name another author
			}
			if again, err := card.marshal(); err != nil || !bytes.Equal(again[:cardOffSignature], plain[:cardOffSignature]) {
				t.Errorf("it is taken for another card, %v", err)
			}
		})
	})
}
