package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"postern/crypto"
	"postern/remote"
)

// blobsFolder is where blobs lie.
const blobsFolder = "blobs"

// blobKey returns the key of a blob.
func (s *Store) blobKey(name crypto.BlobName) string { return s.place.key(blobsFolder, name.String()) }

// Put implements remote.Blobs. The write has no condition: a refused one of some megabytes often ends as a broken
// connection, and the same name is the same bytes.
func (s *Store) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	done, err := s.begin(ctx, remote.OpPut, name)
	if err != nil {
		return err
	}
	defer done()
	if err := remote.CheckSize(name, body.Size()); err != nil {
		return err
	}
	data, err := remote.WholeBody(name, body)
	if err != nil {
		return err
	}
	if _, err = s.write(ctx, s.blobKey(name), data, nil); err != nil {
		return s.fail(ctx, remote.OpPut, name, err)
	}
	return nil
}

// Get implements remote.Blobs.
func (s *Store) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	done, err := s.begin(ctx, remote.OpGet, name)
	if err != nil {
		return nil, err
	}
	defer done()
	data, _, err := s.read(ctx, s.blobKey(name), crypto.MaxBlobSize)
	if errors.Is(err, errTooLong) {
		return nil, remote.Fail(remote.OpGet, name, remote.ErrCorrupt, err)
	}
	if err != nil {
		return nil, s.fail(ctx, remote.OpGet, name, err)
	}
	return data, nil
}

// GetRange implements remote.Blobs.
func (s *Store) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	if off < 0 {
		return remote.Fail(remote.OpGetRange, name, remote.ErrRefused, fmt.Errorf("a range from %d on", off))
	}
	if len(p) == 0 || off > crypto.MaxBlobSize || off+int64(len(p)) > crypto.MaxBlobSize {
		return s.emptyRange(ctx, name, off, len(p))
	}
	done, err := s.begin(ctx, remote.OpGetRange, name)
	if err != nil {
		return err
	}
	defer done()
	if err := s.readRange(ctx, name, off, p); err != nil {
		return s.fail(ctx, remote.OpGetRange, name, err)
	}
	return nil
}

// emptyRange answers what a range request can't ask: whether no bytes, or more than any blob has, lie within a blob.
func (s *Store) emptyRange(ctx context.Context, name crypto.BlobName, off int64, n int) error {
	size, err := s.Stat(ctx, name)
	if err != nil {
		return err
	}
	if !remote.InRange(size, off, n) {
		return remote.PastEnd(name, size, off, n)
	}
	return nil
}

// readRange fills p with bytes of a blob. A reply counts only if it says that it is exactly this range.
func (s *Store) readRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	key := s.blobKey(name)
	last := off + int64(len(p)) - 1
	span := fmt.Sprintf("bytes=%d-%d", off, last)
	out, err := ask(ctx, s, func() (*s3.GetObjectOutput, error) {
		return s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.place.Bucket, Key: &key, Range: &span})
	})
	if err != nil {
		return err
	}
	defer out.Body.Close()
	var first, end, size int64
	if n, err := fmt.Sscanf(deref(out.ContentRange), "bytes %d-%d/%d", &first, &end, &size); err != nil || n != 3 ||
		deref(out.ETag) == "" || first != off || end > last || end-first+1 != deref(out.ContentLength) {
		return errStrange
	}
	if end < last {
		if p, err = remote.Clip(ctx, name, size, off, p); err != nil {
			return err
		}
		if int64(len(p)) != end-first+1 {
			return errStrange
		}
	}
	if _, err := io.ReadFull(out.Body, p); err != nil {
		return fmt.Errorf("the reply broke off: %w", err)
	}
	return nil
}

// Stat implements remote.Blobs. The reply to a HEAD request has no body, so only a GET tells why it failed: for a
// missing object or a missing bucket, for keys that have ended, or since the store asks for fewer requests.
func (s *Store) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	done, err := s.begin(ctx, remote.OpStat, name)
	if err != nil {
		return 0, err
	}
	defer done()
	key := s.blobKey(name)
	out, err := ask(ctx, s, func() (*s3.HeadObjectOutput, error) {
		return s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.place.Bucket, Key: &key})
	})
	if _, status := codeOf(err); status >= http.StatusBadRequest {
		if err = s.readRange(ctx, name, 0, make([]byte, 1)); err == nil {
			err = errors.New("it came to be while it was asked for")
		}
		return 0, s.fail(ctx, remote.OpStat, name, err)
	}
	if err == nil && (deref(out.ETag) == "" || out.ContentLength == nil || isPage(out.ResultMetadata)) {
		err = errStrange
	}
	if err != nil {
		return 0, s.fail(ctx, remote.OpStat, name, err)
	}
	return *out.ContentLength, nil
}

// List implements remote.Blobs. It skips objects that are no blobs.
func (s *Store) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	return func(yield func(remote.BlobInfo, error) bool) {
		for page, err := range s.pages(ctx, remote.OpList, s, s.place.key(blobsFolder, "")) {
			if err != nil {
				yield(remote.BlobInfo{}, err)
				return
			}
			for i := range page {
				name, err := crypto.ParseBlobName(*page[i].Key)
				if err != nil {
					continue
				}
				if err := remote.Alive(ctx, remote.OpList, s); err != nil {
					yield(remote.BlobInfo{}, err)
					return
				}
				if !yield(remote.BlobInfo{Name: name, Size: deref(page[i].Size)}, nil) {
					return
				}
			}
		}
	}
}
