package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/time/rate"

	"postern/crypto"
)

// pointerID is the key of the known states.
type pointerID = crypto.PointerID

// anything is the value of If-None-Match for a write that only makes an object.
var anything = "*"

// contentType keeps programs on the way from changing the bytes.
var (
	contentType  = "application/octet-stream"
	cacheControl = "no-transform"
)

// read returns a whole object of at most most bytes, and its ETag. Its errors are those of the SDK, and errStrange.
func (s *Store) read(ctx context.Context, key string, most int64) (b []byte, etag string, err error) {
	out, err := ask(ctx, s, func() (*s3.GetObjectOutput, error) {
		return s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.place.Bucket, Key: &key})
	})
	if err != nil {
		return nil, "", err
	}
	defer out.Body.Close()
	if deref(out.ETag) == "" || out.ContentLength == nil || out.ContentRange != nil || isPage(out.ResultMetadata) {
		return nil, "", errStrange
	}
	if *out.ContentLength > most {
		return nil, "", fmt.Errorf("%w: %d", errTooLong, *out.ContentLength)
	}
	b = make([]byte, *out.ContentLength)
	if _, err := io.ReadFull(out.Body, b); err != nil {
		return nil, "", fmt.Errorf("the reply broke off: %w", err)
	}
	return b, *out.ETag, nil
}

// errTooLong is the error of an object with more bytes than anything of its kind has.
var errTooLong = errors.New("the object has more bytes than it may")

// write stores an object and returns its ETag. set adds conditions. The first write finds out whether the store wants
// the bytes signed, too.
func (s *Store) write(
	ctx context.Context, key string, b []byte, set func(*s3.PutObjectInput),
) (etag string, err error) {
	etag, err = s.writeAs(ctx, key, b, set, s.payload)
	if !s.refusesUnsigned(err) {
		return etag, err
	}
	again, failed := s.writeAs(ctx, key, b, set, signed)
	if badForm(failed) {
		return etag, err
	}
	s.signing.Store(signAlways)
	return again, failed
}

// writeAs makes the request of write.
func (s *Store) writeAs(
	ctx context.Context, key string, b []byte, set func(*s3.PutObjectInput), o func(*s3.Options),
) (etag string, err error) {
	out, err := ask(ctx, s, func() (*s3.PutObjectOutput, error) {
		size := int64(len(b))
		in := &s3.PutObjectInput{Bucket: &s.place.Bucket, Key: &key, Body: bytes.NewReader(b), ContentLength: &size,
			ContentType: &contentType, CacheControl: &cacheControl}
		if set != nil {
			set(in)
		}
		return s.client.PutObject(ctx, in, o)
	})
	if err != nil {
		return "", err
	}
	if deref(out.ETag) == "" || isPage(out.ResultMetadata) {
		return "", errStrange
	}
	return *out.ETag, nil
}

// remove deletes an object. Deleting what is not there succeeds.
func (s *Store) remove(ctx context.Context, key string) error {
	out, err := ask(ctx, s, func() (*s3.DeleteObjectOutput, error) {
		return s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.place.Bucket, Key: &key})
	})
	if code, _ := codeOf(err); code == "NoSuchKey" {
		return nil // some stores say so
	}
	if err == nil && statusOf(out.ResultMetadata) != http.StatusNoContent {
		return errStrange
	}
	return err
}

// statusOf returns the HTTP status of a reply.
func statusOf(m middleware.Metadata) int {
	if r, ok := awsmiddleware.GetRawResponse(m).(*smithyhttp.Response); ok {
		return r.StatusCode
	}
	return 0
}

// isPage reports whether a reply is a page for people, as no reply of a store and no object of ours is.
func isPage(m middleware.Metadata) bool {
	r, ok := awsmiddleware.GetRawResponse(m).(*smithyhttp.Response)
	return ok && strings.HasPrefix(r.Header.Get("Content-Type"), "text/html")
}

// pages yields the objects below a prefix, page by page; it holds one page, and no lock while the caller looks at it.
// The keys are those after the prefix. An error is the last thing that it yields.
func (s *Store) pages(ctx context.Context, op string, on fmt.Stringer, prefix string) iter.Seq2[[]types.Object, error] {
	return func(yield func([]types.Object, error) bool) {
		for token := (*string)(nil); ; {
			page, err := s.nextPage(ctx, op, on, prefix, token)
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(page.Contents, nil) || !*page.IsTruncated {
				return
			}
			token = page.NextContinuationToken
		}
	}
}

// nextPage makes the request for one page and checks it.
func (s *Store) nextPage(
	ctx context.Context, op string, on fmt.Stringer, prefix string, token *string,
) (*s3.ListObjectsV2Output, error) {
	done, err := s.begin(ctx, op, on)
	if err != nil {
		return nil, err
	}
	defer done()
	page, err := s.page(ctx, prefix, token, pageSize)
	if err != nil {
		return nil, s.fail(ctx, op, on, err)
	}
	for i := range page.Contents {
		key, ours := strings.CutPrefix(deref(page.Contents[i].Key), prefix)
		if !ours {
			return nil, s.fail(ctx, op, on, errStrange)
		}
		page.Contents[i].Key = &key
	}
	if next := deref(page.NextContinuationToken); *page.IsTruncated && (next == "" || next == deref(token)) {
		return nil, s.fail(ctx, op, on, errStrange) // it would never end
	}
	return page, nil
}

// pageSize is how many objects one page of a listing has at most.
const pageSize = 1000

// The bounds of the rate of listings: some providers take twenty a second of a customer.
const (
	listEvery = 50 * time.Millisecond
	listBurst = 20
)

// delay takes the next place in a rate, and returns how long to wait for it.
func delay(l *rate.Limiter, now time.Time) time.Duration { return l.ReserveN(now, 1).DelayFrom(now) }

// page returns one page of a listing.
func (s *Store) page(ctx context.Context, prefix string, token *string, most int32) (*s3.ListObjectsV2Output, error) {
	if wait := delay(s.lists, s.now()); wait > 0 {
		if err := s.sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
	out, err := ask(ctx, s, func() (*s3.ListObjectsV2Output, error) {
		return s.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &s.place.Bucket, Prefix: &prefix, MaxKeys: &most,
			ContinuationToken: token})
	})
	if err != nil {
		return nil, err
	}
	if deref(out.Name) != s.place.Bucket || out.IsTruncated == nil || len(out.Contents) > pageSize {
		return nil, errStrange
	}
	return out, nil
}

// deref returns what p points to, or the zero value.
func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
