package gcpclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"google.golang.org/api/googleapi"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/packetboat/packetboat/core/gcpconfig"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Explain gives an error of a Google client its verdict and a text that is fit
// for a log. It is nil for nil.
func (c *Client[C]) Explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("no answer: %w", context.Cause(ctx))
	}
	if answer := (*googleapi.Error)(nil); errors.As(err, &answer) {
		return httpError(answer, c.identity)
	}
	// status.FromError would put the words of whoever wrapped the error into the answer.
	var answer interface{ GRPCStatus() *status.Status }
	if errors.As(err, &answer) {
		return grpcError(answer.GRPCStatus(), c.identity)
	}
	return httppost.NetworkError(ctx, withoutURL(err))
}

// NotTheRecord is the verdict on an operation that is not about any one record,
// such as creating what they go to: what Google calls bad there are the settings.
func NotTheRecord(err error) error {
	if sinks.IsPermanent(err) {
		return sinks.Stop(err)
	}
	return err
}

// withoutURL is what is inside of an error that names the address.
func withoutURL(err error) error {
	if transport := (*url.Error)(nil); errors.As(err, &transport) {
		return transport.Err
	}
	return err
}

// httpError judges a status as all HTTP sinks do, but for the one that Google
// gives two meanings.
func httpError(answer *googleapi.Error, identity *gcpconfig.Identity) error {
	text := fmt.Sprintf("answered %d", answer.Code)
	if name := http.StatusText(answer.Code); name != "" {
		text += " " + name
	}
	if said := gcpconfig.Excerpt(identity.Redact(answer.Message)); said != "" {
		text += ": " + said
	}
	err := errors.New(text)
	code := answer.Code
	if code == http.StatusForbidden && isQuota(answer) {
		code = http.StatusTooManyRequests // which is what Google means by it here
	}
	return httppost.Judge(err, code, answer.Header, time.Now())
}

func isQuota(answer *googleapi.Error) bool {
	reasons := []string{"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "jobRateLimitExceeded"}
	return slices.ContainsFunc(answer.Errors, func(e googleapi.ErrorItem) bool { return slices.Contains(reasons, e.Reason) })
}

func grpcError(s *status.Status, identity *gcpconfig.Identity) error {
	text := "answered " + s.Code().String()
	// The text of a broken connection names the address.
	if said := gcpconfig.Excerpt(identity.Redact(s.Message())); said != "" && s.Code() != codes.Unavailable {
		text += ": " + said
	}
	err := errors.New(text)
	switch s.Code() {
	case codes.InvalidArgument, codes.OutOfRange:
		return sinks.Permanent(err)
	case codes.NotFound, codes.PermissionDenied, codes.Unauthenticated, codes.FailedPrecondition, codes.Unimplemented:
		return sinks.Stop(err)
	}
	for _, detail := range s.Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			return sinks.RetryAfter(err, retry.GetRetryDelay().AsDuration())
		}
	}
	return err
}
