package s3

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// findFor bounds the questions about a bucket's settings when it is opened.
const findFor = 5 * time.Second

// Findings returns what Open found in the settings of the bucket that the user should change, a sentence each. It
// finds nothing where the keys give no right to read the settings.
func (s *Store) Findings() []string { return s.findings }

// inspect looks for settings of the bucket that keep what was deleted, or remove what is needed, and logs them.
func (s *Store) inspect(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, findFor)
	defer cancel()
	var versioned bool
	var rules []types.LifecycleRule
	var questions sync.WaitGroup
	questions.Go(func() {
		out, err := s.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &s.place.Bucket})
		versioned = err == nil && out.Status == types.BucketVersioningStatusEnabled
	})
	questions.Go(func() {
		out, err := s.client.GetBucketLifecycleConfiguration(ctx,
			&s3.GetBucketLifecycleConfigurationInput{Bucket: &s.place.Bucket})
		if err == nil {
			rules = out.Rules
		}
	})
	questions.Wait()
	s.findings = s.place.judge(versioned, rules)
	for _, finding := range s.findings {
		s.log.Warn(finding, "bucket", s.place.Bucket)
	}
}

// judge returns what is to be said about the settings of a bucket.
func (p Place) judge(versioned bool, rules []types.LifecycleRule) (found []string) {
	expires := false // old versions
	for i := range rules {
		r := &rules[i]
		if r.Status != types.ExpirationStatusEnabled || !p.touches(r) {
			continue
		}
		expires = expires || r.NoncurrentVersionExpiration != nil
		if r.Expiration != nil && (r.Expiration.Days != nil || r.Expiration.Date != nil) {
			found = append(found, fmt.Sprintf("the lifecycle rule %q of the bucket deletes objects by their age, and with "+
				"them files of the drive: remove the rule, or limit it to another prefix", deref(r.ID)))
		}
		if len(r.Transitions) > 0 {
			found = append(found, fmt.Sprintf("the lifecycle rule %q of the bucket moves objects to another class of "+
				"storage, from which an archive can't be read at once: remove the rule, or limit it to another prefix", deref(r.ID)))
		}
	}
	if versioned && !expires {
		found = append(found, "the bucket keeps old versions, so that nothing that is deleted frees space: turn "+
			"versioning off, or give the bucket this lifecycle rule: "+p.rule())
	}
	return found
}

// touches reports whether a lifecycle rule may apply to objects of the place.
func (p Place) touches(r *types.LifecycleRule) bool {
	prefix := deref(r.Prefix) //nolint:staticcheck // older rules have it
	if f := r.Filter; f != nil {
		prefix += deref(f.Prefix)
		if f.And != nil {
			prefix += deref(f.And.Prefix)
		}
	}
	own := p.key("")
	return strings.HasPrefix(own, prefix) || strings.HasPrefix(prefix, own)
}

// rule returns the lifecycle rule that deletes old versions below the prefix, as AWS and others take it.
func (p Place) rule() string {
	return fmt.Sprintf(`{"Rules":[{"ID":"postern","Status":"Enabled","Filter":{"Prefix":%q},`+
		`"NoncurrentVersionExpiration":{"NoncurrentDays":1},"Expiration":{"ExpiredObjectDeleteMarker":true},`+
		`"AbortIncompleteMultipartUpload":{"DaysAfterInitiation":1}}]}`, p.key(""))
}
