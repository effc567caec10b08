package crypto

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/tyler-smith/go-bip39"
)

type pointerVector struct {
	Name       string      `json:"name"`
	Seed       hexBytes    `json:"seed,omitempty"`
	ID         PointerID   `json:"id"`
	Seq        uint64      `json:"seq,string"`
	Value      hexBytes    `json:"value,omitempty"`
	Listed     bool        `json:"listed,omitempty"`
	Marshalled hexBytes    `json:"marshalled"`
	Hash       PointerHash `json:"hash"`
	Error      string      `json:"error,omitempty"`
}

func TestPointerVectors(t *testing.T) {
	const about = "The writer key of seed signs value as state seq, of a listed pointer if listed is true: marshalled, " +
		"whose BLAKE3 hash is hash. Parsing and verifying it gives id, seq and value, or fails with error."
	value := PointerValue(counting(PointerValueSize))
	p := NewWriterKey(keyOf(0x60)).Sign(1, value)
	late := NewWriterKey(keyOf(0x60)).Sign(1<<64-1, PointerValue{})
	listed := NewWriterKey(keyOf(0x60)).SignListed(1, value)
	good := func(name string, p Pointer) pointerVector {
		return pointerVector{name, hexOf(keyOf(0x60)), p.ID, p.Seq, p.Value[:], p.Listed, p.Marshal(), p.Hash(), ""}
	}
	bad := func(name string, b []byte, kind string) pointerVector {
		return pointerVector{Name: name, Marshalled: b, Error: kind}
	}
	b := p.Marshal()
	made := []pointerVector{
		good("the first state", p),
		good("the last state", late),
		bad("another magic", flipped(b, 7), "format"),
		bad("cut short", b[:PointerSize-1], "format"),
		bad("one byte more", append(bytes.Clone(b), 0), "format"),
		bad("another id", flipped(b, pointerOffID), "signature"),
		bad("another sequence number", flipped(b, pointerOffSeq+7), "signature"),
		bad("another value", flipped(b, pointerOffValue), "signature"),
		bad("another signature", flipped(b, pointerOffSignature), "signature"),
		good("the first state of a listed pointer", listed),
		bad("an unlisted pointer as a listed one", append([]byte(listedMagic), b[len(pointerMagic):]...), "signature"),
		bad("a listed pointer as an unlisted one", append([]byte(pointerMagic), listed.Marshal()[len(listedMagic):]...),
			"signature"),
	}
	testVectors(t, "pointer", about, made, func(t *testing.T, v pointerVector) {
		p, err := ParsePointer(v.Marshalled)
		if err == nil {
			err = p.Verify()
		}
		same := p.ID == v.ID && p.Seq == v.Seq && bytes.Equal(p.Value[:], v.Value) && p.Hash() == v.Hash
		if v.Error == "" {
			sign := NewWriterKey([32]byte(v.Seed)).Sign
			if v.Listed {
				sign = NewWriterKey([32]byte(v.Seed)).SignListed
			}
			same = same && sign(v.Seq, PointerValue(v.Value)) == p && p.Listed == v.Listed
		}
		wantOutcome(t, v.Name, err, v.Error, same)
	})
}

type valueVector struct {
	Name  string    `json:"name"`
	Key   hexBytes  `json:"readKey"`
	ID    PointerID `json:"id"`
	Seq   uint64    `json:"seq,string"`
	Salt  hexBytes  `json:"salt,omitempty"`
	Plain hexBytes  `json:"plain,omitempty"`
	Value hexBytes  `json:"value"`
	Error string    `json:"error,omitempty"`
}

func TestValueVectors(t *testing.T) {
	const about = "plain, sealed under readKey with this salt for state seq of pointer id, is value; opening value " +
		"gives plain or fails with error."
	key, salt := ReadKey(keyOf(0x70)), keyOf(0x71)
	id := NewWriterKey(keyOf(0x60)).ID()
	seal := func(plain []byte) hexBytes {
		v, err := SealValue(key, id, 2, plain, bytes.NewReader(salt[:]))
		if err != nil {
			t.Fatal(err)
		}
		return v[:]
	}
	short := []byte("the newest commit")
	lying := make([]byte, valuePlainSize)
	lying[1] = MaxValue + 1
	lyingValue := sealOnce(bytes.Clone(salt[:]), derive(key, salt[:], labelValueKey), lying, valueAD(id, 2))
	made := []valueVector{
		{"short", hexOf(key), id, 2, hexOf(salt), short, seal(short), ""},
		{"empty", hexOf(key), id, 2, hexOf(salt), hexBytes{}, seal(nil), ""},
		{"the longest", hexOf(key), id, 2, hexOf(salt), counting(MaxValue), seal(counting(MaxValue)), ""},
		{"another sequence number", hexOf(key), id, 3, nil, nil, seal(short), "open"},
		{"another pointer", hexOf(key), PointerID{}, 2, nil, nil, seal(short), "open"},
		{"another key", hexOf(keyOf(0x72)), id, 2, nil, nil, seal(short), "open"},
		{"another salt", hexOf(key), id, 2, nil, nil, flipped(seal(short), 0), "open"},
		{"a length beyond the value", hexOf(key), id, 2, nil, nil, lyingValue, "format"},
	}
	testVectors(t, "value", about, made, func(t *testing.T, v valueVector) {
		plain, err := OpenValue(ReadKey(v.Key), Pointer{ID: v.ID, Seq: v.Seq, Value: PointerValue(v.Value)})
		wantOutcome(t, v.Name, err, v.Error, bytes.Equal(plain, v.Plain))
		if v.Error == "" {
			again, err := SealValue(ReadKey(v.Key), v.ID, v.Seq, v.Plain, bytes.NewReader(v.Salt))
			wantOutcome(t, v.Name+", sealed", err, "", bytes.Equal(again[:], v.Value))
		}
	})
}

type commitVector struct {
	Name      string   `json:"name"`
	Seed      hexBytes `json:"seed,omitempty"`
	Author    AuthorID `json:"author"`
	Message   hexBytes `json:"message"`
	Signature hexBytes `json:"signature"`
	Error     string   `json:"error,omitempty"`
}

func TestCommitSignatureVectors(t *testing.T) {
	const about = "The author key of seed signs message, the encoding of a commit. Verifying by author succeeds or " +
		"fails with error."
	k, msg := NewAuthorKey(keyOf(0x80)), []byte("a commit")
	sig := k.SignCommit(msg)
	made := []commitVector{
		{"short", hexOf(keyOf(0x80)), k.ID(), msg, sig[:], ""},
		{"a message changed", nil, k.ID(), hexBytes("A commit"), sig[:], "signature"},
		{"another author", nil, NewAuthorKey(keyOf(0x81)).ID(), msg, sig[:], "signature"},
		{"a signature changed", nil, k.ID(), msg, flipped(sig[:], 40), "signature"},
	}
	testVectors(t, "commit-signature", about, made, func(t *testing.T, v commitVector) {
		err := v.Author.VerifyCommit(v.Message, Signature(v.Signature))
		wantOutcome(t, v.Name, err, v.Error, true)
		if v.Error == "" && NewAuthorKey([32]byte(v.Seed)).SignCommit(v.Message) != Signature(v.Signature) {
			t.Errorf("%s: signed otherwise", v.Name)
		}
	})
}

type accountVector struct {
	Name      string    `json:"name"`
	Secret    hexBytes  `json:"secret"`
	Writer    PointerID `json:"writer"`
	Reader    hexBytes  `json:"readKey"`
	Author    AuthorID  `json:"author"`
	FrameSalt hexBytes  `json:"frameSalt"`
	Frames    hexBytes  `json:"frameKey"`
}

func TestAccountVectors(t *testing.T) {
	const about = "What is derived from the secret of an account: the ids of its writer and author keys, its read key, " +
		"and the frame key of a local file by its salt."
	derived := func(name string, s, salt [32]byte) accountVector {
		a := AccountSecret(s)
		return accountVector{name, hexOf(s), a.Writer().ID(), hexOf(a.Reader()), a.Author().ID(), hexOf(salt),
			hexOf(a.Frames(salt))}
	}
	made := []accountVector{
		derived("zeros", [32]byte{}, [32]byte{}),
		derived("counting", keyOf(0x90), keyOf(0x91)),
	}
	testVectors(t, "account", about, made, func(t *testing.T, v accountVector) {
		got := derived(v.Name, [32]byte(v.Secret), [32]byte(v.FrameSalt))
		if got.Writer != v.Writer || !bytes.Equal(got.Reader, v.Reader) || got.Author != v.Author ||
			!bytes.Equal(got.Frames, v.Frames) {
			t.Errorf("%s: derived otherwise", v.Name)
		}
	})
}

type wordsVector struct {
	Name   string   `json:"name"`
	Secret hexBytes `json:"secret"`
	Words  string   `json:"words"`
}

// The list of words is part of the format; another edition would give other words for the same secrets.
func TestWordListIsTheOneOfTheFormat(t *testing.T) {
	list := strings.Join(bip39.GetWordList(), "\n") + "\n"
	// The SHA-256 of english.txt beside BIP-39 in https://github.com/bitcoin/bips.
	const want = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
	if got := sha256.Sum256([]byte(list)); hex.EncodeToString(got[:]) != want {
		t.Errorf("the list of words has the SHA-256 hash %x, want %s", got, want)
	}
}

func TestWordsVectors(t *testing.T) {
	const about = "The recovery words of the secret of an account."
	words := func(name string, s [32]byte) wordsVector {
		return wordsVector{name, hexOf(s), strings.Join(AccountSecret(s).Words(), " ")}
	}
	made := []wordsVector{words("zeros", [32]byte{}), words("counting", keyOf(0x90))}
	testVectors(t, "words", about, made, func(t *testing.T, v wordsVector) {
		s, err := SecretFromWords(strings.Fields(v.Words))
		if err != nil || !bytes.Equal(s[:], v.Secret) || !slices.Equal(s.Words(), strings.Fields(v.Words)) {
			t.Errorf("%s: another secret, or error %v", v.Name, err)
		}
	})
}

type loginVector struct {
	Name       string    `json:"name"`
	User       string    `json:"user"`
	Passphrase string    `json:"passphrase"`
	Writer     PointerID `json:"writer"`
	Reader     hexBytes  `json:"readKey"`
	Secret     hexBytes  `json:"secret,omitempty"`
	Record     hexBytes  `json:"record"`
	Error      string    `json:"error,omitempty"`
}

func TestLoginVectors(t *testing.T) {
	const about = "User name and passphrase lead to the pointer writer, whose state record opens to the secret of the " +
		"account or fails with error."
	secret := AccountSecret(keyOf(0x90))
	plain, accents := login(t, "alice", "correct horse battery staple"), login(t, "ALICE", "cafe\u0301 au\u00a0lait")
	record := func(p Pointer, err error) hexBytes {
		if err != nil {
			t.Fatal(err)
		}
		return p.Marshal()
	}
	alive := record(plain.SealAccount(secret, 1, bytes.NewReader(counting(32))))
	retired := record(plain.Retire(2, bytes.NewReader(counting(32))))
	accented := record(accents.SealAccount(secret, 1, bytes.NewReader(counting(32))))
	made := []loginVector{
		{"plain", "alice", "correct horse battery staple", plain.writer.ID(), hexOf(plain.reader), hexOf(secret), alive, ""},
		{"typed otherwise", "ALICE", "cafe\u0301 au\u00a0lait", accents.writer.ID(), hexOf(accents.reader), hexOf(secret),
			accented, ""},
		{"retired", "alice", "correct horse battery staple", plain.writer.ID(), hexOf(plain.reader), nil, retired, "retired"},
		{"another's record", "alice", "correct horse battery staple", plain.writer.ID(), hexOf(plain.reader), nil, accented,
			"signature"},
	}
	testVectors(t, "login", about, made, func(t *testing.T, v loginVector) {
		l := login(t, v.User, v.Passphrase)
		if l.writer.ID() != v.Writer || !bytes.Equal(l.reader[:], v.Reader) {
			t.Errorf("%s: another login", v.Name)
		}
		p, err := ParsePointer(v.Record)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := l.OpenAccount(p)
		wantOutcome(t, v.Name, err, v.Error, bytes.Equal(secret[:], v.Secret))
	})
}

type sizeVector struct {
	N      int `json:"n"`
	Sealed int `json:"sealedChunk"`
	Padded int `json:"padded"`
}

func TestSizeVectors(t *testing.T) {
	const about = "A chunk of n plain bytes is sealedChunk bytes long with its metadata (up to a full chunk; 0 beyond). " +
		"A blob of n bytes is padded to padded."
	sizes := func(n int) sizeVector {
		v := sizeVector{N: n, Padded: PaddedSize(n)}
		if n <= ChunkSize {
			v.Sealed = SealedChunkSize(n)
		}
		return v
	}
	var made []sizeVector
	for _, n := range []int{1, 100, 4096, 4097, 10000, 65535, 65536, 65537, 100000, 524288, 1000000, 1048577, 4194305,
		ChunkSize, ChunkSize + 1, MaxBlobSize} {
		made = append(made, sizes(n))
	}
	testVectors(t, "sizes", about, made, func(t *testing.T, v sizeVector) {
		if sizes(v.N) != v {
			t.Errorf("%d bytes: %+v", v.N, sizes(v.N))
		}
	})
}
