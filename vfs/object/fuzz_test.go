package object_test

import (
	"bytes"
	"errors"
	"testing"

	"postern/crypto"
	"postern/crypto/alloctest"
	"postern/vfs/object"
)

// fuzz checks a decoder: a value that it accepts must encode to the same bytes again, and its errors must be
// crypto.ErrFormat.
func fuzz(f *testing.F, kind string, again func([]byte) ([]byte, error)) {
	for _, v := range vectors() {
		if v.Kind == kind {
			f.Add(v.plain)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var e []byte
		var err error
		alloctest.Check(t, len(b), func() { e, err = again(b) })
		switch {
		case err != nil && !errors.Is(err, crypto.ErrFormat):
			t.Fatalf("error %v is not crypto.ErrFormat", err)
		case err == nil && !bytes.Equal(e, b):
			t.Fatalf("%x is read, but encoded as %x", b, e)
		case err == nil:
			var v any
			if err := crypto.Decode(b, &v); err != nil {
				t.Fatalf("%x is read, but not canonical: %v", b, err)
			}
		}
	})
}

func FuzzDecodePage(f *testing.F) {
	fuzz(f, "page", func(b []byte) ([]byte, error) {
		p, err := object.DecodePage(b, home)
		if err != nil {
			return nil, err
		}
		return object.AppendPage(nil, &p, home.Blob), nil
	})
}

func FuzzDecodeIndex(f *testing.F) {
	fuzz(f, "index", func(b []byte) ([]byte, error) {
		for level := uint8(object.MaxContentLevel); level > 0; level-- {
			if c, err := object.DecodeIndex(b, object.Ref{}, level); err == nil {
				return object.AppendIndex(nil, c), nil
			}
		}
		_, err := object.DecodeIndex(b, object.Ref{}, 1)
		return nil, err
	})
}

func FuzzDecodeCommit(f *testing.F) {
	fuzz(f, "commit", func(b []byte) ([]byte, error) {
		if _, err := object.DecodeCommit(b, home); err == nil || errors.Is(err, crypto.ErrSignature) {
			c, err := object.ParseCommit(b, home)
			return c.Encode(home.Blob), err
		}
		_, err := object.DecodeCommit(b, home)
		return nil, err
	})
}

func FuzzDecodeHead(f *testing.F) {
	fuzz(f, "head", func(b []byte) ([]byte, error) {
		head, err := object.DecodeHead(b)
		if err != nil {
			return nil, err
		}
		return head.Encode(), nil
	})
}

func FuzzDecodeEntry(f *testing.F) {
	fuzz(f, "entry", func(b []byte) ([]byte, error) {
		var e object.Entry
		if err := e.UnmarshalCBOR(b); err != nil {
			return nil, err
		}
		return e.MarshalCBOR()
	})
}

func FuzzDecodeRoster(f *testing.F) {
	fuzz(f, "roster", func(b []byte) ([]byte, error) {
		if _, err := object.DecodeRoster(b); err == nil || errors.Is(err, crypto.ErrSignature) {
			o, err := object.ParseRoster(b)
			return o.Encode(), err
		}
		_, err := object.DecodeRoster(b)
		return nil, err
	})
}
