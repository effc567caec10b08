package s3

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"postern/remote"
)

// The probe's races.
const (
	racers = 8
	races  = 5
	// raceFor is how long the writers of one object race at least, in up to mostRounds rounds: where a round takes a few
	// milliseconds, two writers win only in one of many.
	raceFor    = 300 * time.Millisecond
	mostRounds = 50
	// counts is how often each of countUp's writers adds one.
	counts = 5
	// slack is how long a racer's body waits for the others at most: a store may refuse some before it has read them.
	slack = 200 * time.Millisecond
	// tidyFor bounds the deletion of an object of the probe.
	tidyFor = 10 * time.Second
)

// errUnconditional is why a store without conditional writes is refused.
var errUnconditional = errors.New("this store does not keep to conditional writes (If-Match and If-None-Match), so " +
	"two devices could overwrite each other's changes: it can't hold a drive; see STORES.md for stores that can")

// The names of the objects of a probe: the prefix, random bytes in hexadecimal digits, a hyphen and a digit.
const (
	probePrefix = "probe-"
	probeRandom = 8 // bytes
)

// probe finds out whether a store's conditional writes hold, also for writers at the same moment: some stores are right
// one call at a time and let two writers win. It writes a few small objects and deletes them. The error of a store that
// fails is ErrRefused.
func (s *Store) probe(ctx context.Context) (err error) {
	var random [probeRandom]byte
	if _, err := io.ReadFull(s.rand, random[:]); err != nil {
		return fmt.Errorf("no random bytes: %w", err)
	}
	for i := range races + 1 {
		key, probe := s.place.key(fmt.Sprintf(probePrefix+"%s-%d", hex.EncodeToString(random[:]), i)), s.probeKey
		if i == races {
			probe = s.countUp
		}
		err := probe(ctx, key)
		if removed := s.tidy(ctx, key); err == nil && removed != nil {
			err = s.failOpen(ctx, removed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isProbe reports whether an object is one of a probe: one that was killed leaves the object that it was at.
func (s *Store) isProbe(key string) bool {
	rest, ours := strings.CutPrefix(key, s.place.key(probePrefix))
	random, number, ok := strings.Cut(rest, "-")
	b, err := hex.DecodeString(random)
	return ours && ok && err == nil && len(b) == probeRandom && len(number) == 1
}

// tidy deletes an object of the probe, also when the context has ended.
func (s *Store) tidy(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyFor)
	defer cancel()
	return s.remove(ctx, key)
}

// countUp lets writers add to one number, each by a conditional write of what it has just read. In the end the number
// is that of the writes that were said to have succeeded, or one of them was lost: a store may answer from a state that
// it is about to replace.
func (s *Store) countUp(ctx context.Context, key string) error {
	if _, err := s.write(ctx, key, []byte("0"), func(in *s3.PutObjectInput) { in.IfNoneMatch = &anything }); err != nil {
		return s.failOpen(ctx, err)
	}
	g, racing := errgroup.WithContext(ctx)
	for range racers {
		g.Go(func() error {
			for added := 0; added < counts; {
				n, etag, err := s.readNumber(racing, key)
				if err != nil {
					return err
				}
				_, err = s.write(racing, key, []byte(strconv.Itoa(n+1)), func(in *s3.PutObjectInput) { in.IfMatch = &etag })
				switch {
				case err == nil:
					added++
				case !lost(err):
					return s.failOpen(racing, err)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	n, _, err := s.readNumber(ctx, key)
	if err == nil && n != racers*counts {
		return remote.Fail(opOpen, s, remote.ErrRefused, errUnconditional)
	}
	return err
}

// readNumber reads the object of countUp.
func (s *Store) readNumber(ctx context.Context, key string) (n int, etag string, err error) {
	b, etag, err := s.read(ctx, key, 64)
	if err != nil {
		return 0, "", s.failOpen(ctx, err)
	}
	if n, err = strconv.Atoi(string(b)); err != nil {
		return 0, "", remote.Fail(opOpen, s, remote.ErrCorrupt,
			errors.New("an object of the probe has other bytes than were written"))
	}
	return n, etag, nil
}

// probeKey races writers of one object: first to make it, then to replace it. A write under a stale ETag, and one to
// replace what is not there, must be refused.
func (s *Store) probeKey(ctx context.Context, key string) error {
	refuse := remote.Fail(opOpen, s, remote.ErrRefused, errUnconditional)
	wrong := `"00000000000000000000000000000000"`
	if err := s.mustRefuse(ctx, key, func(in *s3.PutObjectInput) { in.IfMatch = &wrong }); err != nil {
		return err
	}
	etag := ""
	began := time.Now()
	for n := 0; n < 2 || n < mostRounds && time.Since(began) < raceFor; n++ {
		won, err := s.race(ctx, key, etag)
		if err != nil {
			return s.failOpen(ctx, err)
		}
		if len(won) != 1 {
			return refuse
		}
		stale := etag
		b, now, err := s.read(ctx, key, 64)
		if err != nil {
			return s.failOpen(ctx, err)
		}
		if string(b) != won[0] || now == stale {
			return refuse
		}
		if etag = now; stale == "" {
			continue
		}
		if err := s.mustRefuse(ctx, key, func(in *s3.PutObjectInput) { in.IfMatch = &stale }); err != nil {
			return err
		}
	}
	return nil
}

// mustRefuse makes a write that the store has to refuse.
func (s *Store) mustRefuse(ctx context.Context, key string, set func(*s3.PutObjectInput)) error {
	_, err := s.write(ctx, key, []byte("must not be there"), set)
	if err == nil {
		return remote.Fail(opOpen, s, remote.ErrRefused, errUnconditional)
	}
	if lost(err) {
		return nil
	}
	return s.failOpen(ctx, err)
}

// race lets writers write an object at the same moment, and returns what those wrote who were told that they succeeded.
func (s *Store) race(ctx context.Context, key, etag string) (won []string, err error) {
	start := &barrier{missing: racers, open: make(chan struct{})}
	defer time.AfterFunc(slack, start.give).Stop()
	var mu sync.Mutex
	var wait sync.WaitGroup
	for i := range racers {
		wait.Go(func() {
			text := fmt.Sprintf("racer %d of a probe, after %s", i, etag)
			_, failed := ask(ctx, s, func() (*s3.PutObjectOutput, error) {
				size := int64(len(text))
				in := &s3.PutObjectInput{Bucket: &s.place.Bucket, Key: &key, ContentLength: &size,
					Body: &slow{Reader: bytes.NewReader([]byte(text)), start: start}}
				if etag == "" {
					in.IfNoneMatch = &anything
				} else {
					in.IfMatch = &etag
				}
				return s.client.PutObject(ctx, in, s.payload)
			})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case failed == nil:
				won = append(won, text)
			case !lost(failed):
				err = failed
			}
		})
	}
	wait.Wait()
	return won, err
}

// barrier opens when all racers have come, or when it is given up.
type barrier struct {
	mu      sync.Mutex
	missing int
	open    chan struct{}
	once    sync.Once
}

// wait waits until the barrier opens.
func (b *barrier) wait() {
	b.mu.Lock()
	b.missing--
	all := b.missing <= 0
	b.mu.Unlock()
	if all {
		b.give()
	}
	<-b.open
}

// give opens the barrier.
func (b *barrier) give() { b.once.Do(func() { close(b.open) }) }

// slow is a body whose last byte waits for the other racers, so that all writes end at the same moment.
type slow struct {
	*bytes.Reader
	start *barrier
	there bool
}

// Read implements io.Reader.
func (b *slow) Read(p []byte) (int, error) {
	if b.Len() > 1 {
		return b.Reader.Read(p[:min(len(p), b.Len()-1)])
	}
	if !b.there {
		b.there = true
		b.start.wait()
	}
	return b.Reader.Read(p)
}

// WriteTo hides that of the reader.
func (b *slow) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}
