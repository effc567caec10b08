package crypto

import (
	"errors"
	"reflect"
	"testing"
)

func testCapability(space byte) Capability {
	c := SpaceSecret(keyOf(space)).Keys()
	c.Owner, c.Store, c.Epoch = NewAuthorKey(keyOf(0xa0)).ID(), StoreID(counting(16)), 7
	return c
}

func TestCapabilityFitsAPointerValue(t *testing.T) {
	c := testCapability(0x90)
	if n := len(c.Marshal()); n != 149 || n > MaxValue {
		t.Errorf("a capability to write has %d bytes", n)
	}
	if n := len(c.ReadOnly().Marshal()); n != 117 {
		t.Errorf("a capability to read has %d bytes", n)
	}
}

func TestReadOnlyCapabilityHoldsNoSeed(t *testing.T) {
	c := testCapability(0x90)
	read := c.ReadOnly()
	if !c.CanWrite() || read.CanWrite() || read.ID != c.ID || read.Read != c.Read {
		t.Errorf("ReadOnly keeps the right to write, or loses the right to read")
	}
	if got, err := ParseCapability(read.Marshal()); err != nil || got != read {
		t.Errorf("it is parsed otherwise: %v", err)
	}
}

func TestSealedSeedOpensForItsSpaceOnly(t *testing.T) {
	outer, inner, other := testCapability(0x90), testCapability(0xb0), testCapability(0xd0)
	sealed := outer.Writer.SealSeed(inner.Writer)
	if got, err := outer.Writer.OpenSeed(inner.ID, sealed); err != nil || got != inner.Writer {
		t.Fatalf("the seed does not open: %v", err)
	}
	if _, err := outer.Writer.OpenSeed(other.ID, sealed); !errors.Is(err, ErrOpen) {
		t.Errorf("it opens for another space: %v", err)
	}
	if _, err := inner.Writer.OpenSeed(inner.ID, sealed); !errors.Is(err, ErrOpen) {
		t.Errorf("it opens for another writer: %v", err)
	}
	// A writer seals a seed under the id of another space.
	key := derive(outer.Writer, other.ID[:], labelMountKey)
	lying := [SealedSeedSize]byte(sealOnce(nil, key, inner.Writer[:], []byte(labelMountSeed)))
	if _, err := outer.Writer.OpenSeed(other.ID, lying); !errors.Is(err, ErrFormat) {
		t.Errorf("a seed of another space is taken: %v", err)
	}
}

type capabilityVector struct {
	Name       string    `json:"name"`
	Secret     hexBytes  `json:"secret,omitempty"`
	ID         PointerID `json:"id"`
	Read       hexBytes  `json:"readKey,omitempty"`
	Owner      AuthorID  `json:"owner"`
	Store      hexBytes  `json:"store,omitempty"`
	Epoch      uint32    `json:"epoch,omitempty"`
	Writer     hexBytes  `json:"writerSeed,omitempty"`
	Marshalled hexBytes  `json:"marshalled"`
	Error      string    `json:"error,omitempty"`
}

func TestCapabilityVectors(t *testing.T) {
	const about = "The keys of a space are derived from its secret. marshalled is the capability of all that stands in " +
		"front of it; parsing it gives that or fails with error."
	good := func(name string, c Capability) capabilityVector {
		v := capabilityVector{Name: name, Secret: hexOf(keyOf(0x90)), ID: c.ID, Read: hexOf(c.Read), Owner: c.Owner,
			Store: c.Store[:], Epoch: c.Epoch, Marshalled: c.Marshal()}
		if c.CanWrite() {
			v.Writer = hexOf(c.Writer)
		}
		return v
	}
	bad := func(name string, b []byte) capabilityVector {
		return capabilityVector{Name: name, Marshalled: b, Error: "format"}
	}
	c := testCapability(0x90)
	read, write := c.ReadOnly().Marshal(), c.Marshal()
	zeroSeed := append(write[:ReadCapabilitySize:ReadCapabilitySize], make([]byte, KeySize)...)
	made := []capabilityVector{
		good("read", c.ReadOnly()),
		good("write", c),
		bad("empty", hexBytes{}),
		bad("cut short", read[:len(read)-1]),
		bad("a kind of the other length", append([]byte{capWrite}, read[1:]...)),
		bad("a seed behind a capability to read", append([]byte{capRead}, write[1:]...)),
		bad("an unknown kind", append([]byte{3}, read[1:]...)),
		bad("the seed of another space", flipped(write, len(write)-1)),
		bad("no seed", zeroSeed),
		bad("one byte more", append(write, 0)),
	}
	testVectors(t, "capability", about, made, func(t *testing.T, v capabilityVector) {
		c, err := ParseCapability(v.Marshalled)
		same := false
		if err == nil {
			keys := SpaceSecret(v.Secret).Keys()
			want := Capability{ID: v.ID, Read: ReadKey(v.Read), Owner: v.Owner, Store: StoreID(v.Store), Epoch: v.Epoch}
			if len(v.Writer) > 0 {
				want.Writer = WriterSeed(v.Writer)
				same = keys.Writer == want.Writer
			}
			same = c == want && keys.ID == want.ID && keys.Read == want.Read && (same || len(v.Writer) == 0)
		}
		wantOutcome(t, v.Name, err, v.Error, same)
	})
}

type mountSeedVector struct {
	Name   string    `json:"name"`
	Outer  hexBytes  `json:"outerSeed"`
	ID     PointerID `json:"id"`
	Inner  hexBytes  `json:"innerSeed,omitempty"`
	Sealed hexBytes  `json:"sealed"`
	Error  string    `json:"error,omitempty"`
}

func TestMountSeedVectors(t *testing.T) {
	const about = "innerSeed, the writer seed of space id, sealed for a mount in the space whose writer seed is " +
		"outerSeed, is sealed; opening it gives innerSeed or fails with error."
	outer, inner := testCapability(0x90), testCapability(0xb0)
	sealed := outer.Writer.SealSeed(inner.Writer)
	made := []mountSeedVector{
		{"sealed", hexOf(outer.Writer), inner.ID, hexOf(inner.Writer), sealed[:], ""},
		{"another space", hexOf(outer.Writer), outer.ID, nil, sealed[:], "open"},
		{"another writer", hexOf(inner.Writer), inner.ID, nil, sealed[:], "open"},
		{"damaged", hexOf(outer.Writer), inner.ID, nil, flipped(sealed[:], 3), "open"},
	}
	testVectors(t, "mount-seed", about, made, func(t *testing.T, v mountSeedVector) {
		got, err := WriterSeed(v.Outer).OpenSeed(v.ID, [SealedSeedSize]byte(v.Sealed))
		wantOutcome(t, v.Name, err, v.Error, err == nil && got == WriterSeed(v.Inner))
		if v.Error == "" && WriterSeed(v.Outer).SealSeed(got) != [SealedSeedSize]byte(v.Sealed) {
			t.Errorf("%s: sealed otherwise", v.Name)
		}
	})
}

// TestNextSecret: there is one successor for each space and account.
func TestNextSecret(t *testing.T) {
	alice, bob := AccountSecret{1}, AccountSecret{2}
	first := alice.NextSecret(PointerID{1})
	if first != alice.NextSecret(PointerID{1}) {
		t.Error("two devices make two spaces")
	}
	for _, other := range []SpaceSecret{
		alice.NextSecret(PointerID{2}), bob.NextSecret(PointerID{1}), alice.PairSecret(AuthorID{1}, 0),
		alice.NextSecret(first.Keys().ID),
	} {
		if other == first {
			t.Error("two spaces have one secret")
		}
	}
}

// TestPairSecret: there is one space for each other account and turn, and no account knows another's.
func TestPairSecret(t *testing.T) {
	alice, bob := AccountSecret{1}, AccountSecret{2}
	seen := map[SpaceSecret]bool{}
	for _, s := range []SpaceSecret{
		alice.PairSecret(bob.Author().ID(), 0), alice.PairSecret(bob.Author().ID(), 1),
		alice.PairSecret(alice.Author().ID(), 0), bob.PairSecret(bob.Author().ID(), 0),
	} {
		if seen[s] {
			t.Error("two of them are one")
		}
		seen[s] = true
	}
	if alice.PairSecret(bob.Author().ID(), 0) != alice.PairSecret(bob.Author().ID(), 0) {
		t.Error("it differs from one call to the next")
	}
}

// TestMarshalCard: a stored card is read as it was, and no other bytes are.
func TestMarshalCard(t *testing.T) {
	account := AccountSecret{1}
	c := account.own(Card{Name: "alice", Stores: []string{"disk:/mnt/nas"}, Seq: 7})
	b, err := c.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := UnmarshalCard(b); err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("%+v %v", got, err)
	}
	for _, b := range [][]byte{nil, b[:len(b)-1], append(b, 0)} {
		if _, err := UnmarshalCard(b); !errors.Is(err, ErrFormat) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
}
