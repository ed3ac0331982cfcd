package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/aws/smithy-go"
)

// explain says what a person can do about a failed call, named by the IAM
// action that it needs.
func (c *connection) explain(ctx context.Context, action string, err error) error {
	hint := ""
	switch {
	case isCode(err, "AccessDenied") && action == "s3:GetObject":
		// Without s3:ListBucket S3 does not say whether an object is there.
		hint = fmt.Sprintf("not allowed, or nothing is there yet: this needs s3:GetObject on the object and s3:ListBucket on bucket %s: ",
			c.access.Bucket)
	case isCode(err, "AccessDenied"):
		hint = fmt.Sprintf("not allowed: this needs %s on bucket %s: ", action, c.access.Bucket)
	case isCode(err, "NoSuchBucket"):
		hint = fmt.Sprintf("bucket %s does not exist: ", c.access.Bucket)
	case status(err) == http.StatusMovedPermanently || isCode(err, "AuthorizationHeaderMalformed"):
		hint = fmt.Sprintf("is bucket %s in another region? ", c.access.Bucket)
	case status(err) == http.StatusNotImplemented:
		hint = "this service cannot do what is needed here, conditional writes among others: "
	}
	return &callError{text: fmt.Sprintf("%s: %s%.500s", action, hint, plain(ctx, err)), err: err}
}

// callError keeps the SDK's error for those who ask for its code, and prints
// none of it: its text can hold the whole URL.
type callError struct {
	text string
	err  error
}

func (e *callError) Error() string { return e.text }
func (e *callError) Unwrap() error { return e.err }

// plain is what went wrong without where: no URL, no host ID.
func plain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if transport := (*url.Error)(nil); errors.As(err, &transport) {
		return transport.Err
	}
	if api := smithy.APIError(nil); errors.As(err, &api) {
		return fmt.Errorf("%d %s: %s", status(err), api.ErrorCode(), api.ErrorMessage())
	}
	if code := status(err); code >= 300 {
		return fmt.Errorf("answer %d %s, which is none of S3's", code, http.StatusText(code))
	}
	return err
}

// isConflict: 412 the condition does not hold; 409 another write of the object
// is under way; and what the ETag stood for is gone.
func isConflict(err error) bool {
	switch status(err) {
	case http.StatusPreconditionFailed:
		return true
	case http.StatusConflict:
		return isCode(err, "ConditionalRequestConflict")
	default:
		return isCode(err, "NoSuchKey")
	}
}

func isCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}

// status is the HTTP status that err comes with, 0 if it has none.
func status(err error) int {
	var response interface{ HTTPStatusCode() int }
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}
