package s3

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"postern/remote"
)

// nonceSize is the length of the random end of an object that is replaced by conditional writes.
const nonceSize = 16

// settleTries bounds how often a conditional write is made again after a refusal that does not say what is there. Each
// further one needs another writer that was faster.
const settleTries = 8

// register is an object that is replaced by conditional writes.
type register struct {
	op  string
	on  fmt.Stringer
	key string
	max int // bytes without the nonce
}

// value is what a register holds.
type value struct {
	b    []byte // without the nonce; nil: there is no object
	etag string
}

// load reads a register. A missing object is a nil value.
func (s *Store) load(ctx context.Context, r register) (v value, err error) {
	b, etag, err := s.read(ctx, r.key, int64(r.max+nonceSize))
	if code, _ := codeOf(err); code == "NoSuchKey" {
		return value{}, nil
	}
	switch {
	case errors.Is(err, errTooLong):
		return v, remote.Fail(r.op, r.on, remote.ErrCorrupt, err)
	case err != nil:
		return v, s.fail(ctx, r.op, r.on, err)
	case len(b) < nonceSize:
		return v, remote.Fail(r.op, r.on, remote.ErrCorrupt, fmt.Errorf("its object has %d bytes", len(b)))
	}
	return value{b[:len(b)-nonceSize], etag}, nil
}

// replace changes a register: next is asked for the new bytes with what is there, again after each write that another
// writer overtook. It returns the new value; nil bytes of next mean that nothing is to be done.
func (s *Store) replace(ctx context.Context, r register, at *value, next func(value) ([]byte, error)) (value, error) {
	for range settleTries {
		if at == nil {
			v, err := s.load(ctx, r)
			if err != nil {
				return value{}, err
			}
			at = &v
		}
		b, err := next(*at)
		if err != nil || b == nil {
			return *at, err
		}
		etag, err := s.exchange(ctx, r, at.etag, b)
		if err == nil {
			return value{b, etag}, nil
		}
		if !lost(err) {
			return value{}, s.fail(ctx, r.op, r.on, err)
		}
		at = nil
	}
	return value{}, remote.Fail(r.op, r.on, remote.ErrUnavailable, errors.New("other writers are faster all the time"))
}

// exchange writes a register if it still has an ETag; the empty ETag: if there is none.
func (s *Store) exchange(ctx context.Context, r register, etag string, b []byte) (string, error) {
	nonce, err := s.nonce()
	if err != nil {
		return "", err
	}
	if err := s.spacing.wait(ctx, r.key); err != nil {
		return "", err
	}
	etag, err = s.write(ctx, r.key, append(b[:len(b):len(b)], nonce[:]...), func(in *s3.PutObjectInput) {
		if etag == "" {
			in.IfNoneMatch = &anything
		} else {
			in.IfMatch = &etag
		}
	})
	s.spacing.wrote(r.key, err != nil && throttled(err))
	return etag, err
}
