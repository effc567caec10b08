package s3

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/smithy-go/logging"
)

// settings reads the environment and the configuration files of AWS. The SDK repeats nothing, and adds no checksums,
// which not all stores take.
func (p Place) settings(ctx context.Context) (aws.Config, error) {
	return config.LoadDefaultConfig(ctx,
		config.WithSharedConfigProfile(p.Profile),
		config.WithLogger(logging.Nop{}), // it writes to standard error
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired),
		// Asking a machine of AWS for its role takes seconds everywhere else.
		config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
}

// logins returns the keys of the store's user. The SDK reads the files once, so each call but the first reads them
// again: a new login that another program has left in a profile is found there.
type logins struct {
	place Place
	first aws.CredentialsProvider // of the settings that were read last
	later atomic.Bool
}

// Retrieve implements aws.CredentialsProvider.
func (l *logins) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if !l.later.Swap(true) {
		return l.first.Retrieve(ctx)
	}
	c, err := l.place.settings(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	return c.Credentials.Retrieve(ctx)
}

// outdated reports whether a store refused a request because of its keys.
func outdated(err error) bool {
	code, _ := codeOf(err)
	return slices.Contains([]string{"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken",
		"InvalidAccessKeyId", "SignatureDoesNotMatch"}, code)
}

// loggedIn reads the keys again, and reports whether they are others than used.
func (s *Store) loggedIn(ctx context.Context, used aws.Credentials) bool {
	now, err := s.logins.Retrieve(ctx)
	if err == nil && sameKeys(now, used) { // no other call has read them meanwhile
		s.logins.Invalidate()
		now, err = s.logins.Retrieve(ctx)
	}
	return err == nil && !sameKeys(now, used)
}

// sameKeys compares keys.
func sameKeys(a, b aws.Credentials) bool {
	return a.AccessKeyID == b.AccessKeyID && a.SecretAccessKey == b.SecretAccessKey && a.SessionToken == b.SessionToken
}
