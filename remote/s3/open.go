package s3

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"postern/remote"
)

// opOpen is the operation in errors of Open.
const opOpen = "open"

// Open opens the remote of a place. Where there is none it makes one, if the store's conditional writes hold, unless
// Options.Existing is set. Credentials are those that the AWS tools use: the environment, or a profile. Errors:
// ErrNoStore and everything that a user must mend are ErrRefused; ErrForeign for a prefix that holds something else or
// a store of a newer format; ErrUnavailable.
func Open(ctx context.Context, place Place, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = remote.Sleep
	}
	if o.Stall == 0 {
		o.Stall = remote.Shipped.Stall
	}
	if o.Letters <= 0 || o.Letters > remote.MaxLetters {
		o.Letters = remote.MaxLetters
	}
	if o.Used == nil {
		o.Used = func(remote.Usage) {}
	}
	known, err := lru.New[pointerID, state](knownStates)
	if err != nil {
		return nil, err
	}
	s := &Store{place: place, log: o.Log, rand: o.Rand, used: o.Used, now: o.Now, sleep: o.Sleep, stall: o.Stall,
		most: o.Letters, known: known, lists: rate.NewLimiter(rate.Every(listEvery), listBurst)}
	if s.spacing, err = newSpacing(o.Now, o.Sleep); err != nil {
		return nil, err
	}
	s.life, s.end = context.WithCancel(context.Background())
	if s.changes, err = newChanges(o.Rand); err != nil {
		return nil, err
	}
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	if err := s.attach(ctx, !o.Existing); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// connect makes the client. It sends nothing to the store.
func (s *Store) connect(ctx context.Context) error {
	refuse := func(err error) error { return remote.Fail(opOpen, s, remote.ErrRefused, err) }
	c, err := s.place.settings(ctx)
	if err != nil {
		return refuse(fmt.Errorf("the AWS configuration can't be read: %w", err))
	}
	s.logins = aws.NewCredentialsCache(&logins{place: s.place, first: c.Credentials})
	c.Credentials = s.logins
	if _, err := c.Credentials.Retrieve(ctx); err != nil {
		if ended := remote.Alive(ctx, opOpen, s); ended != nil {
			return ended
		}
		return refuse(errors.New("there are no keys for the store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or " +
			"name a profile of ~/.aws/credentials with ?profile="))
	}
	transport, err := s.place.transport(c.HTTPClient)
	if err != nil {
		return refuse(err)
	}
	if s.wire != nil {
		s.wire.idle()
	}
	s.wire = &wire{base: paced{counted{transport, s.used}}, idle: transport.CloseIdleConnections,
		gate: newGate(maxConnections, s.now), stall: s.stall, flights: map[*flight]struct{}{}}
	c.HTTPClient = &http.Client{Transport: s.wire, CheckRedirect: noRedirect}
	c.Region = cmp.Or(s.place.Region, c.Region, "us-east-1")
	s.client = s3.NewFromConfig(c, func(o *s3.Options) {
		if s.place.Endpoint != "" {
			o.BaseEndpoint = &s.place.Endpoint
		}
		o.UsePathStyle = s.place.pathStyle()
		o.ContinueHeaderThresholdBytes = -1 // it costs a round trip, and refusals are rare
		o.DisableLogOutputChecksumValidationSkipped = true
		o.APIOptions = append(o.APIOptions, s.place.quirks()...)
	})
	return nil
}
