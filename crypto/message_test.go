package crypto

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"postern/crypto/alloctest"
)

// testMessage returns a message of s.
func testMessage(s AccountSecret, kind MessageKind) Message {
	pair := SpaceSecret(keyOf(0x90)).Keys().ReadOnly()
	pair.Owner, pair.Store = s.Author().ID(), StoreID(counting(16))
	m := Message{Kind: kind, ID: MessageID(counting(17)[1:]), Day: 20_000, From: testCard(s, "disk:/mnt/nas/postern"),
		Pair: pair}
	switch kind {
	case Reply:
		m.ReplyTo = MessageID(counting(18)[2:])
	case Dummy:
		m.Pair = Capability{}
	}
	return m
}

func TestMessageRoundTrip(t *testing.T) {
	alice, bob := AccountSecret(fresh[[32]byte](t, "alice")), AccountSecret(fresh[[32]byte](t, "bob"))
	to := alice.own(Card{})
	for _, kind := range []MessageKind{Request, Reply, Dummy} {
		m := testMessage(bob, kind)
		l, err := bob.SealMessage(to, m)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := alice.OpenMessage(l); err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("kind %d comes back as another: %v", kind, err)
		}
		_, err = bob.OpenMessage(l)
		wantKind(t, err, ErrOpen, "a letter opened by its sender")
	}
	bare := testMessage(bob, Request)
	bare.From = Card{}
	l, err := bob.SealMessage(to, bare)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := alice.OpenMessage(l); err != nil || got.From.Author != bob.Author().ID() || got.From.Inbox != bob.InboxID() {
		t.Errorf("the account has not filled in its card: %v", err)
	}
}

// The largest card fits a letter.
func TestLargestCardFitsALetter(t *testing.T) {
	s := AccountSecret(fresh[[32]byte](t, "largest"))
	c := testCard(s, strings.Repeat("a", MaxStoreURL), strings.Repeat("b", MaxStoreURL), "c", "d")
	c.Name = strings.Repeat("b", maxUserName)
	b, err := c.pack(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Stores[2] = strings.Repeat("c", 1+maxPackedCard-len(b))
	m := testMessage(s, Reply)
	m.From = c
	l, err := s.SealMessage(s.own(Card{}), m)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.OpenMessage(l); err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("the largest card comes back as another: %v", err)
	}
	m.From.Stores[3] += "d"
	if _, err := s.SealMessage(s.own(Card{}), m); err == nil {
		t.Error("one byte more is taken")
	}
}

func TestMessagesThatCannotBeWritten(t *testing.T) {
	s := AccountSecret(fresh[[32]byte](t, "message"))
	to := s.own(Card{})
	for what, change := range map[string]func(*Message){
		"no kind":               func(m *Message) { m.Kind = 0 },
		"an unknown kind":       func(m *Message) { m.Kind = 4 },
		"no id":                 func(m *Message) { m.ID = MessageID{} },
		"no pair space":         func(m *Message) { m.Pair = Capability{} },
		"another's pair space":  func(m *Message) { m.Pair.Owner[0] ^= 1 },
		"the right to write":    func(m *Message) { m.Pair.Writer = SpaceSecret(keyOf(0x90)).Keys().Writer },
		"a request to a reply":  func(m *Message) { m.ReplyTo = m.ID },
		"a reply to nothing":    func(m *Message) { m.Kind = Reply },
		"a dummy with a space":  func(m *Message) { m.Kind = Dummy },
		"a card with a capital": func(m *Message) { m.From.Name = "Bob" },
	} {
		m := testMessage(s, Request)
		change(&m)
		if _, err := s.SealMessage(to, m); err == nil {
			t.Errorf("%s: it is written", what)
		}
	}
}

type messageVector struct {
	Name    string   `json:"name"`
	Secret  hexBytes `json:"secret,omitempty"`
	To      AuthorID `json:"to"`
	Kind    int      `json:"kind,omitempty"`
	ID      hexBytes `json:"id,omitempty"`
	Day     uint32   `json:"day,omitempty"`
	ReplyTo hexBytes `json:"replyTo,omitempty"`
	Pair    hexBytes `json:"pair,omitempty"`
	Card    hexBytes `json:"card,omitempty"`
	Plain   hexBytes `json:"plain"`
	Error   string   `json:"error,omitempty"`
}

func TestMessageVectors(t *testing.T) {
	const about = "The account of secret writes the message with these parts to the author to; card is its card without " +
		"padding. plain are the plain bytes of the letter. Reading them by to gives the parts or fails with error."
	bob, alice := AccountSecret(keyOf(0xa0)), AccountSecret(keyOf(0xb0)).Author().ID()
	// signed returns the plain bytes of a message, changed before bob signs them.
	signed := func(m Message, change func(b []byte)) []byte {
		b, err := m.marshal(alice)
		if err != nil {
			t.Fatal(err)
		}
		change(b)
		sig := bob.Author().key.sign(messageMessage(b))
		copy(b[messageOffSignature:], sig[:])
		return b
	}
	good := func(name string, m Message) messageVector {
		card, err := m.From.pack(nil)
		if err != nil {
			t.Fatal(err)
		}
		v := messageVector{name, hexOf(bob), alice, int(m.Kind), m.ID[:], m.Day, m.ReplyTo[:], make([]byte, ReadCapabilitySize),
			card, signed(m, func([]byte) {}), ""}
		if m.Kind != Dummy {
			v.Pair = m.Pair.Marshal()
		}
		return v
	}
	bad := func(name string, b []byte, kind string) messageVector {
		return messageVector{Name: name, To: alice, Plain: b, Error: kind}
	}
	set := func(kind MessageKind, at int, to byte) []byte {
		return signed(testMessage(bob, kind), func(b []byte) { b[at] = to })
	}
	request := set(Request, 0, messageVersion)
	forged := testMessage(AccountSecret(keyOf(0xc0)), Request)
	made := []messageVector{
		good("a request", testMessage(bob, Request)),
		good("a reply", testMessage(bob, Reply)),
		good("a dummy", testMessage(bob, Dummy)),
		bad("another version", set(Request, 0, 2), "format"),
		bad("an unknown kind", set(Request, messageOffKind, 4), "format"),
		bad("a reply to nothing", set(Request, messageOffKind, byte(Reply)), "format"),
		bad("a request in reply", set(Reply, messageOffKind, byte(Request)), "format"),
		bad("a dummy with a space", set(Request, messageOffKind, byte(Dummy)), "format"),
		bad("a request without a space", set(Dummy, messageOffKind, byte(Request)), "format"),
		bad("no id", signed(testMessage(bob, Request), func(b []byte) { clear(b[messageOffID:messageOffDay]) }), "format"),
		bad("the space of another owner", set(Request, messageOffPair+capOffOwner, 1), "format"),
		bad("a name with a capital", set(Request, messageOffCard+packedOffName+1, 'B'), "format"),
		bad("padding that is not zero", set(Request, messageOffSignature-1, 1), "format"),
		bad("one byte less", request[:LetterPlain-1], "format"),
		bad("written to another", set(Request, messageOffTo, 1), "recipient"),
		bad("another day", flipped(request, messageOffTo-1), "signature"),
		bad("another signature", flipped(request, messageOffSignature), "signature"),
		bad("in another's name", signed(forged, func([]byte) {}), "signature"),
		bad("empty", hexBytes{}, "format"),
	}
	testVectors(t, "message", about, made, func(t *testing.T, v messageVector) {
		m, err := openMessage(v.To, v.Plain)
		if v.Error != "" {
			wantOutcome(t, v.Name, err, v.Error, false)
			return
		}
		card, _, cardErr := cutCard(v.Card)
		want := Message{MessageKind(v.Kind), MessageID(v.ID), v.Day, MessageID(v.ReplyTo), card, m.Pair}
		pair := make([]byte, ReadCapabilitySize)
		if m.Kind != Dummy {
			pair = m.Pair.Marshal()
		}
		wantOutcome(t, v.Name, err, "", cardErr == nil && reflect.DeepEqual(m, want) && bytes.Equal(pair, v.Pair))
		if again := signed(m, func([]byte) {}); !bytes.Equal(again, v.Plain) {
			t.Errorf("%s: written otherwise", v.Name)
		}
	})
}

func FuzzOpenMessage(f *testing.F) {
	s := AccountSecret(fresh[[32]byte](f, "fuzz"))
	to := s.Author().ID()
	for _, kind := range []MessageKind{Request, Reply, Dummy} {
		b, err := testMessage(s, kind).marshal(to)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:1700])
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, start []byte) {
		alloctest.Check(t, len(start)+LetterPlain, func() {
			if _, err := openMessage(to, start); err == nil {
				t.Error("forged")
			}
			b := make([]byte, LetterPlain)
			copy(b, start)
			sig := s.Author().key.sign(messageMessage(b))
			copy(b[messageOffSignature:], sig[:])
			m, err := openMessage(to, b)
			if err != nil {
				return
			}
			if again, err := m.marshal(to); err != nil || !bytes.Equal(again[:messageOffSignature], b[:messageOffSignature]) {
				t.Errorf("it is taken for another message, %v", err)
			}
		})
	})
}
