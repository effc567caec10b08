package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"postern/remote"
)

// errStrange is the cause when a reply is not what a store sends: a captive portal, a proxy or another server has
// answered.
var errStrange = errors.New("something else than a store answers there: see that the endpoint is right, and that " +
	"this network needs no login in a browser")

// Advice for the codes of errors that a user can do something about.
var advice = map[string]string{
	"InvalidAccessKeyId":    "the store does not know the access key: see that AWS_ACCESS_KEY_ID or the profile is right",
	"SignatureDoesNotMatch": "the secret key is wrong: see that AWS_SECRET_ACCESS_KEY or the profile is right",
	"ExpiredToken":          "the session token has expired: log in again",
	"TokenRefreshRequired":  "the session token has expired: log in again",
	"InvalidToken":          "the store does not accept the session token: log in again",
	"RequestTimeTooSkewed":  "the clock of this machine or of the store is wrong by more than a quarter of an hour",
	"AccessDenied":          "the keys give no right to do that in this bucket", // denied names the right
	"AllAccessDisabled":     "the provider has locked this account or bucket",
	"InvalidObjectState":    "the object was moved to an archive: bring it back, and remove the lifecycle rule",
	"NoSuchBucket":          "there is no such bucket: see that its name, the region and the endpoint are right",
}

// kinds gives the kind of failure of codes for which the status alone would mislead.
var kinds = map[string]error{
	"NoSuchKey":                      remote.ErrNotFound,
	"InvalidRange":                   remote.ErrCorrupt,
	"QuotaExceeded":                  remote.ErrFull,
	"StorageFull":                    remote.ErrFull,
	"XMinioStorageFull":              remote.ErrFull,
	"XMinioAdminBucketQuotaExceeded": remote.ErrFull,
	"InsufficientStorage":            remote.ErrFull,
	"EntityTooLarge":                 remote.ErrRefused,
	"InvalidObjectState":             remote.ErrRefused,
	"InvalidBucketName":              remote.ErrRefused,
	"NotImplemented":                 remote.ErrRefused,
	"MethodNotAllowed":               remote.ErrRefused,
}

// codeOf returns the code and the status of a store's error; empty and 0 where there was none.
func codeOf(err error) (code string, status int) {
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		status = response.HTTPStatusCode()
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		code = api.ErrorCode()
	}
	return code, status
}

// fail returns the *remote.Error of a failed request. Everything that may pass, and that a user can mend while the
// drive is in use, is ErrUnavailable: the journal keeps the changes. So is a bucket that is gone for the moment: a
// store that was there must never pass for an empty one.
func (s *Store) fail(ctx context.Context, op string, on fmt.Stringer, err error) error {
	if ended := remote.Alive(ctx, op, on); ended != nil {
		return ended
	}
	if already, ok := errors.AsType[*remote.Error](err); ok {
		return already
	}
	code, status := codeOf(err)
	kind := kinds[code]
	switch {
	case kind != nil:
	case status == http.StatusInsufficientStorage:
		kind = remote.ErrFull
	case status == http.StatusRequestEntityTooLarge:
		kind = remote.ErrRefused
	default:
		kind = remote.ErrUnavailable
	}
	why := explain(err)
	if errors.Is(kind, remote.ErrUnavailable) && throttled(err) {
		why = &remote.Throttled{After: after(err), Err: why}
	}
	return remote.Fail(op, on, kind, why)
}

// throttles are the codes by which stores ask for fewer requests.
var throttles = []string{"SlowDown", "SlowDownRead", "SlowDownWrite", "TooManyRequests", "RequestLimitExceeded",
	"Throttling", "ThrottlingException", "RequestThrottled", "BandwidthLimitExceeded", "ServerBusy"}

// throttled reports whether a store asks for fewer requests. The status counts where a proxy has answered with a page.
func throttled(err error) bool {
	code, status := codeOf(err)
	return status == http.StatusTooManyRequests || slices.Contains(throttles, code)
}

// headerOf returns a header of the reply that an error came with; empty if there is none.
func headerOf(err error, name string) string {
	response, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || response.Response == nil || response.Response.Response == nil {
		return ""
	}
	return response.Response.Header.Get(name)
}

// maxAfter bounds the wait that a store may ask for.
const maxAfter = 30 * time.Second

// after returns how long a store asks to wait; 0 if it does not say.
func after(err error) time.Duration {
	seconds, err := strconv.Atoi(headerOf(err, "Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, int(maxAfter/time.Second))) * time.Second
}

// explain returns one sentence about a failed request. It leaves out the ids that stores add, and never holds keys.
func explain(err error) error {
	for _, own := range []error{errStalled, errReconnect} {
		if errors.Is(err, own) {
			return own
		}
	}
	code, status := codeOf(err)
	if code == "AccessDenied" {
		return errors.New(denied(err))
	}
	if text, ok := advice[code]; ok {
		return errors.New(text)
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok && code != "" && code != "UnknownError" {
		return fmt.Errorf("the store says %s: %.200s", code, api.ErrorMessage())
	}
	if status != 0 {
		return fmt.Errorf("the store answers %d %s", status, http.StatusText(status))
	}
	if sent, ok := errors.AsType[*url.Error](err); ok {
		return sent.Err
	}
	return err
}

// rights are the rights that requests need, by the names of AWS, which other stores use, too.
var rights = map[string]string{
	"GetObject":     "s3:GetObject, or s3:ListBucket, without which a missing object passes for a forbidden one",
	"HeadObject":    "s3:GetObject, or s3:ListBucket, without which a missing object passes for a forbidden one",
	"PutObject":     "s3:PutObject, or s3:GetObject, which conditional writes need, too",
	"DeleteObject":  "s3:DeleteObject",
	"DeleteObjects": "s3:DeleteObject",
	"ListObjectsV2": "s3:ListBucket",
}

// denied returns the advice for AccessDenied: the right that is missing.
func denied(err error) string {
	operation, ok := errors.AsType[*smithy.OperationError](err)
	if !ok || rights[operation.OperationName] == "" {
		return advice["AccessDenied"]
	}
	return advice["AccessDenied"] + ": they lack " + rights[operation.OperationName]
}

// lost reports whether a conditional write was refused since another one was faster. That may be a 412, or a 404 for an
// object that is gone. A 409 says that another write was under way, and nothing about what came of this one: the object
// has to be looked at in any case.
func lost(err error) bool {
	code, status := codeOf(err)
	return status == http.StatusPreconditionFailed || code == "NoSuchKey" || code == "ConditionalRequestConflict"
}

// skewed reports whether a store refused a request since the clocks differ. The SDK has learned the difference from the
// answer, so the next try succeeds; nothing was done.
func skewed(err error) bool {
	code, _ := codeOf(err)
	return code == "RequestTimeTooSkewed" || code == "RequestExpired"
}

// ask makes a request, and once more if the clocks differ, or if there is a new login since the old one has ended.
func ask[Out any](ctx context.Context, s *Store, request func() (Out, error)) (Out, error) {
	used, _ := s.logins.Retrieve(ctx) // its error is also the request's
	out, err := request()
	if err != nil && (skewed(err) || outdated(err) && s.loggedIn(ctx, used)) {
		return request()
	}
	return out, err
}
