//go:build !slim || aws

package awsconfig

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
)

// GetCredentials is how every error begins that says why there are none.
const GetCredentials = "get AWS credentials, from the configuration, the environment, the shared files " +
	"or the role of the pod, function or machine"

// Credentials asks a loaded configuration's provider, which keeps what it finds
// until it expires. It is asked by itself, before a call: in the error of a call
// a lack of credentials cannot be told from the service's own refusal.
func (c Config) Credentials(ctx context.Context, provider aws.CredentialsProvider) (aws.Credentials, error) {
	found, err := provider.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("%s: %s", GetCredentials, c.AssumeRole.Redact(Plain(ctx, err).Error()))
	}
	return found, nil
}

// Redact takes out of what AWS said the external ID that it may repeat.
func (a AssumeRole) Redact(text string) string {
	if a.ExternalID.IsZero() {
		return text
	}
	return strings.ReplaceAll(text, a.ExternalID.Reveal(), "<secret>")
}

// Plain is what went wrong in a call without where: no URL, no request ID. It
// keeps no error of the SDK, whose text has them.
func Plain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if transport := (*url.Error)(nil); errors.As(err, &transport) {
		return transport.Err
	}
	if api := smithy.APIError(nil); errors.As(err, &api) {
		message, _, _ := strings.Cut(api.ErrorMessage(), "\n") // what follows quotes the request
		return fmt.Errorf("%d %s: %s", Status(err), api.ErrorCode(), message)
	}
	if status := Status(err); status >= 300 {
		return fmt.Errorf("answer %d %s, which is none of AWS's", status, http.StatusText(status))
	}
	return err
}

// IsCode reports whether AWS answered with an error of this code.
func IsCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}

// Status is the HTTP status that err comes with, 0 if it has none.
func Status(err error) int {
	var response interface{ HTTPStatusCode() int }
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}
