package s3

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"postern/crypto"
	"postern/remote"
)

// markerKey is the object that makes a prefix a store.
const markerKey = "postern-store"

// The marker: a line that names the format, and a line with the store's id.
const (
	markerFirst = "postern store in a bucket, format 1\n"
	markerStart = "postern store in a bucket, format "
	markerMax   = 256 // bytes
)

// marker returns the marker of an id.
func marker(id crypto.StoreID) []byte { return []byte(markerFirst + id.String() + "\n") }

// parseMarker reads a marker.
func parseMarker(b []byte) (id crypto.StoreID, err error) {
	rest, ours := bytes.CutPrefix(b, []byte(markerFirst))
	if !ours {
		if bytes.HasPrefix(b, []byte(markerStart)) {
			return id, errors.New("a newer Postern has made this store: use that version")
		}
		return id, fmt.Errorf("the object %s is of another program", markerKey)
	}
	digits, ended := bytes.CutSuffix(rest, []byte{'\n'})
	if len(digits) != hex.EncodedLen(len(id)) || !ended {
		return id, fmt.Errorf("the object %s is damaged", markerKey)
	}
	if _, err := hex.Decode(id[:], digits); err != nil || id.IsZero() || id.String() != string(digits) {
		return crypto.StoreID{}, fmt.Errorf("the object %s is damaged", markerKey)
	}
	return id, nil
}

// attach opens the store, and looks at the settings of its bucket. With found, it makes a store where there is none.
func (s *Store) attach(ctx context.Context, found bool) error {
	if err := s.open(ctx, found); err != nil {
		return err
	}
	s.inspect(ctx)
	return nil
}

// open reads the marker, in the region that the store names. With found, it makes a store where there is none.
func (s *Store) open(ctx context.Context, found bool) error {
	there, err := s.readMarker(ctx)
	if region := headerOf(err, "X-Amz-Bucket-Region"); err != nil && region != "" && region != s.client.Options().Region {
		s.log.Warn("the bucket is in another region than was named", "region", region)
		s.place.Region = region
		if err := s.connect(ctx); err != nil {
			return err
		}
		there, err = s.readMarker(ctx)
	}
	switch {
	case err != nil:
		return s.failOpen(ctx, err)
	case there:
		return nil
	case !found:
		return remote.Fail(opOpen, s, remote.ErrRefused, ErrNoStore)
	}
	return s.found(ctx)
}

// failOpen is fail for a store that is not open yet: what a user must mend is ErrRefused, since waiting does not help.
func (s *Store) failOpen(ctx context.Context, err error) error {
	code, _ := codeOf(err)
	_, mendable := advice[code]
	failed := s.fail(ctx, opOpen, s, err)
	if mendable && remote.KindOf(failed) == remote.ErrUnavailable {
		return remote.Fail(opOpen, s, remote.ErrRefused, explain(err))
	}
	return failed
}

// readMarker reads the id from the marker; false: there is no marker.
func (s *Store) readMarker(ctx context.Context) (bool, error) {
	b, _, err := s.read(ctx, s.place.key(markerKey), markerMax)
	if code, _ := codeOf(err); code == "NoSuchKey" {
		return false, nil
	}
	if err != nil && !errors.Is(err, errTooLong) {
		return false, err
	}
	if s.id, err = parseMarker(b); err != nil {
		return false, remote.Fail(opOpen, s, remote.ErrForeign, err)
	}
	return true, nil
}

// found makes a store: where nothing is, and only where conditional writes work.
func (s *Store) found(ctx context.Context) error {
	page, err := s.page(ctx, s.place.key(""), nil, pageSize)
	if err != nil {
		return s.failOpen(ctx, err)
	}
	for i := range page.Contents {
		if !s.isProbe(deref(page.Contents[i].Key)) {
			return remote.Fail(opOpen, s, remote.ErrForeign,
				errors.New("the prefix holds objects of another program: choose another"))
		}
	}
	if err := s.probe(ctx); err != nil {
		return err
	}
	var id crypto.StoreID
	if _, err := io.ReadFull(s.rand, id[:]); err != nil {
		return fmt.Errorf("no random bytes: %w", err)
	}
	_, err = s.write(ctx, s.place.key(markerKey), marker(id), func(in *s3.PutObjectInput) { in.IfNoneMatch = &anything })
	if err != nil && !lost(err) {
		return s.failOpen(ctx, err)
	}
	there, err := s.readMarker(ctx) // of whoever was first
	if err != nil {
		return s.failOpen(ctx, err)
	}
	if !there {
		return remote.Fail(opOpen, s, remote.ErrUnavailable, errors.New("the store does not return what was just written"))
	}
	return nil
}
