package crypto

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// stampedLetter returns a letter to k with a stamp.
func stampedLetter(t testing.TB, k MeetKey, plain []byte) Letter {
	t.Helper()
	l, err := k.Public().SealLetter(plain)
	if err != nil {
		t.Fatal(err)
	}
	for !l.Stamp(1 << 16) {
	}
	return l
}

func TestLetterRoundTrip(t *testing.T) {
	secret := AccountSecret(fresh[[32]byte](t, "letter"))
	plain := someBytes(t, "letter", LetterPlain)
	l, err := secret.Meet().Public().SealLetter(plain)
	if err != nil {
		t.Fatal(err)
	}
	got, err := secret.Meet().OpenLetter(l)
	if err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("opened: %d bytes, %v", len(got), err)
	}
	other, err := secret.Meet().Public().SealLetter(plain)
	if err != nil || bytes.Equal(other[:letterOffStamp], l[:letterOffStamp]) {
		t.Errorf("the same letter is sealed alike twice, %v", err)
	}
	if parsed, err := ParseLetter(l[:]); err != nil || parsed != l {
		t.Error("parsed it is another", err)
	}
	_, err = ParseLetter(l[1:])
	wantKind(t, err, ErrFormat, "a letter cut short")
	_, err = AccountSecret(fresh[[32]byte](t, "another")).Meet().OpenLetter(l)
	wantKind(t, err, ErrOpen, "another's letter")
	for _, at := range []int{0, 1000, letterOffSealed, letterOffStamp - 1} {
		damaged := l
		damaged[at] ^= 1
		_, err := secret.Meet().OpenLetter(damaged)
		wantKind(t, err, ErrOpen, "a damaged letter")
	}
	if _, err := secret.Meet().Public().SealLetter(plain[1:]); err == nil {
		t.Error("a letter holds fewer bytes")
	}
	_, err = MeetPublic(bytes.Repeat([]byte{0xff}, MeetPublicSize)).SealLetter(plain)
	wantKind(t, err, ErrFormat, "a public key that is none")
}

func TestStamp(t *testing.T) {
	k := MeetKey(fresh[[32]byte](t, "stamp"))
	l := stampedLetter(t, k, make([]byte, LetterPlain))
	if name := l.Name(); !name.Stamped() || name[0] != 0 || name[1] != 0 || name[2] >= 16 {
		t.Errorf("stamped is %v", name)
	}
	if _, err := k.OpenLetter(l); err != nil {
		t.Errorf("with a stamp it does not open: %v", err)
	}
	if name := (LetterName{0, 0, 16}); name.Stamped() {
		t.Errorf("%v counts as stamped", name)
	}
	unstamped := l
	unstamped[letterOffStamp+7] ^= 1
	if unstamped.Stamp(0) {
		t.Error("a stamp is found without a try")
	}
}

// The search for a stamp hashes letters as BLAKE3 does: of many stamps it finds the same ones.
func TestStampIsBLAKE3(t *testing.T) {
	l := Letter(someBytes(t, "stamps", LetterSize))
	s, found := newStamper(&l), 0
	for stamp := range uint64(1 << 13) {
		last := compress(&s.last, &s.block, 3, blakeEnd)
		root := parent(s.left, parent(s.third, last, 0), blakeRoot)
		name := l.Name()
		if got := words(append(name[:], make([]byte, 32)...)); [8]uint32(got[:8]) != root {
			t.Fatalf("stamp %d: %x, want %v", stamp, root, name)
		}
		if s.stamped(stamp) {
			found++
		}
		binary.BigEndian.PutUint64(l[letterOffStamp:], stamp)
		if s.stamped(stamp) != l.Stamped() {
			t.Fatalf("stamp %d is judged otherwise", stamp)
		}
	}
	// The last candidate of a call is tried, too, and the next call goes on.
	whole, inSteps := l, l
	for !whole.Stamp(1 << 20) {
	}
	for !inSteps.Stamp(1 << 12) {
	}
	if whole != inSteps || !whole.Stamped() {
		t.Error("in steps another stamp is found")
	}
}

type letterVector struct {
	Name   string   `json:"name"`
	Secret hexBytes `json:"secret"`
	Meet   hexBytes `json:"meetKey,omitempty"`
	Inbox  hexBytes `json:"inbox,omitempty"`
	Letter hexBytes `json:"letter"`
	Hash   hexBytes `json:"letterName"`
	Stamp  bool     `json:"stamped"`
	Plain  hexBytes `json:"plain,omitempty"`
	Error  string   `json:"error,omitempty"`
}

func TestLetterVectors(t *testing.T) {
	const about = "A letter to the account of secret, whose meet key and inbox id these are. Its name is letterName, " +
		"which begins with enough zero bits if stamped is true. It opens to plain, or fails with error."
	secret, other := AccountSecret(keyOf(0xa0)), AccountSecret(keyOf(0xa1))
	l := kept(t, "letter", func(v letterVector) hexBytes { return v.Letter }, func() []byte {
		l := stampedLetter(t, secret.Meet(), counting(LetterPlain))
		return l[:]
	})
	made := func(name string, s AccountSecret, b []byte, plain []byte, kind string) letterVector {
		l, meet, inbox := Letter(b), s.Meet().Public(), s.InboxID()
		hash := l.Name()
		return letterVector{name, hexOf(s), meet[:], inbox[:], b, hash[:], l.Stamped(), plain, kind}
	}
	testVectors(t, "letter", about, []letterVector{
		made("with a stamp", secret, l, counting(LetterPlain), ""),
		made("without a stamp", secret, flipped(l, LetterSize-1), counting(LetterPlain), ""),
		made("another's", other, l, nil, "open"),
		made("damaged", secret, flipped(l, letterOffSealed), nil, "open"),
	}, func(t *testing.T, v letterVector) {
		l := Letter(v.Letter)
		plain, err := AccountSecret(v.Secret).Meet().OpenLetter(l)
		name := l.Name()
		wantOutcome(t, v.Name, err, v.Error,
			bytes.Equal(plain, v.Plain) && bytes.Equal(name[:], v.Hash) && l.Stamped() == v.Stamp)
	})
}

func FuzzParseLetter(f *testing.F) {
	k := MeetKey(fresh[[32]byte](f, "fuzz"))
	l, err := k.Public().SealLetter(make([]byte, LetterPlain))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(l[:])
	f.Add(l[:LetterSize-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ParseLetter(b)
		if err != nil {
			wantKind(t, err, ErrFormat, "refused")
			return
		}
		if !bytes.Equal(l[:], b) {
			t.Error("it is taken for another letter")
		}
		if plain, err := k.OpenLetter(l); err != nil {
			wantKind(t, err, ErrOpen, "not opened")
		} else if len(plain) != LetterPlain {
			t.Errorf("%d bytes came of it", len(plain))
		}
	})
}

func FuzzParseIDs(f *testing.F) {
	f.Add(LetterName{1}.String())
	f.Add("F" + LetterName{1}.String()[1:])
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		letter, err := ParseLetterName(s)
		inbox, inboxErr := ParseInboxID(s)
		name, nameErr := ParseNameID(s)
		if (err == nil) != (inboxErr == nil) || (err == nil) != (nameErr == nil) {
			t.Errorf("%q: %v, %v, %v", s, err, inboxErr, nameErr)
		}
		if err == nil && (letter.String() != s || inbox.String() != s || name.String() != s) {
			t.Errorf("%q is taken for %v", s, letter)
		}
	})
}
