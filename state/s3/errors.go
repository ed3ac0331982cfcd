package s3

import (
	"context"
	"fmt"
	"net/http"

	"github.com/packetboat/packetboat/core/awsconfig"
)

// explain says what a person can do about a failed call, named by the IAM
// action that it needs.
func (c *connection) explain(ctx context.Context, action string, err error) error {
	hint := ""
	switch {
	case awsconfig.IsCode(err, "AccessDenied") && action == "s3:GetObject":
		// Without s3:ListBucket S3 does not say whether an object is there.
		hint = fmt.Sprintf("not allowed, or nothing is there yet: this needs s3:GetObject on the object and s3:ListBucket on bucket %s: ",
			c.access.Bucket)
	case awsconfig.IsCode(err, "AccessDenied"):
		hint = fmt.Sprintf("not allowed: this needs %s on bucket %s: ", action, c.access.Bucket)
	case awsconfig.IsCode(err, "NoSuchBucket"):
		hint = fmt.Sprintf("bucket %s does not exist: ", c.access.Bucket)
	case awsconfig.Status(err) == http.StatusMovedPermanently || awsconfig.IsCode(err, "AuthorizationHeaderMalformed"):
		hint = fmt.Sprintf("is bucket %s in another region? ", c.access.Bucket)
	case awsconfig.Status(err) == http.StatusNotImplemented:
		hint = "this service cannot do what is needed here, conditional writes among others: "
	}
	return &callError{text: fmt.Sprintf("%s: %s%.500s", action, hint, awsconfig.Plain(ctx, err)), err: err}
}

// callError keeps the SDK's error for those who ask for its code, and prints
// none of it: its text can hold the whole URL.
type callError struct {
	text string
	err  error
}

func (e *callError) Error() string { return e.text }
func (e *callError) Unwrap() error { return e.err }

// isConflict: 412 the condition does not hold; 409 another write of the object
// is under way; and what the ETag stood for is gone.
func isConflict(err error) bool {
	switch awsconfig.Status(err) {
	case http.StatusPreconditionFailed:
		return true
	case http.StatusConflict:
		return awsconfig.IsCode(err, "ConditionalRequestConflict")
	default:
		return awsconfig.IsCode(err, "NoSuchKey")
	}
}
