package crypto_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"

	"postern/crypto"
)

// A chunk is sealed whole; later a few bytes in its middle are read by fetching and opening one segment.
func ExampleSegments() {
	plain := bytes.Repeat([]byte("a long film. "), 20_000)

	meta, _ := crypto.Random[crypto.MetaKey](rand.Reader)
	key, _ := crypto.Random[crypto.BytesKey](rand.Reader)
	segments := crypto.NewSegments(key)
	chunk := crypto.SealChunkMeta(nil, meta, crypto.ChunkMeta{Size: uint32(len(plain))})
	count := crypto.SegmentCount(len(plain))
	for i := range count {
		part := plain[i*crypto.SegmentSize:]
		part = part[:min(len(part), crypto.SegmentSize)]
		chunk = segments.Seal(chunk, uint32(i), i == count-1, part)
	}

	const off, n = 130_000, 12
	run := crypto.SegmentsFor(len(plain), off, n)
	_, _, last := crypto.SealedSegmentAt(len(plain), run.First)
	opened, err := segments.Open(nil, uint32(run.First), last, chunk[run.Off:run.Off+run.Len])
	fmt.Println(err, run.First, run.Last)
	fmt.Printf("%s\n", opened[off-run.First*crypto.SegmentSize:][:n])

	// The remote returns the first segment instead.
	_, err = segments.Open(nil, uint32(run.First), last, chunk[crypto.ChunkMetaSize:][:run.Len])
	fmt.Println(errors.Is(err, crypto.ErrOpen))
	// Output:
	// <nil> 1 1
	// a long film.
	// true
}

// A writer moves a pointer; only holders of the read key learn the new state.
func ExamplePointer() {
	account, _ := crypto.Random[crypto.AccountSecret](rand.Reader)
	writer, reader := account.Writer(), account.Reader()

	value, _ := crypto.SealValue(reader, writer.ID(), 1, []byte("the newest commit"), rand.Reader)
	stored := writer.Sign(1, value).Marshal()

	pointer, err := crypto.ParsePointer(stored)
	if err == nil {
		err = pointer.Verify()
	}
	fmt.Println(len(stored), pointer.ID == writer.ID(), err)
	plain, err := crypto.OpenValue(reader, pointer)
	fmt.Printf("%s %v\n", plain, err)
	// Output:
	// 368 true <nil>
	// the newest commit <nil>
}

// Recovery words restore the account; a mistake in them is detected.
func ExampleSecretFromWords() {
	var account crypto.AccountSecret
	words := account.Words()
	fmt.Println(len(words), words[0], words[23])

	words[4] = "abandonn"
	_, err := crypto.SecretFromWords(words)
	fmt.Println(err)
	fmt.Println(account)
	// Output:
	// 24 abandon art
	// recovery word 5 is not in the list of words, so it is misspelt
	// (secret)
}
