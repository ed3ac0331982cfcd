//go:build !slim || aws

package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/packetboat/packetboat/core/awsconfig"
)

// AWS is the SDK's configuration out of the environment, with credentials at
// hand. Its zero value is ready.
type AWS struct {
	mu     sync.Mutex // guards loaded
	loaded map[string]aws.Config
}

// Config is for a region, "" for that of the environment.
func (a *AWS) Config(ctx context.Context, region string) (aws.Config, error) {
	found, err := a.load(ctx, region)
	if err != nil {
		return aws.Config{}, err
	}
	if _, err := (awsconfig.Config{}).Credentials(ctx, found.Credentials); err != nil {
		return aws.Config{}, err
	}
	return found, nil
}

func (a *AWS) load(ctx context.Context, region string) (aws.Config, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found, ok := a.loaded[region]; ok {
		return found, nil
	}
	// What it finds is used longer than this call.
	found, err := awsconfig.Config{Region: region}.Load(context.WithoutCancel(ctx))
	if setup := (*awsconfig.SetupError)(nil); errors.As(err, &setup) {
		return aws.Config{}, Wrongf("%s", setup)
	}
	if err != nil {
		return aws.Config{}, err
	}
	if a.loaded == nil {
		a.loaded = map[string]aws.Config{}
	}
	a.loaded[region] = found
	return found, nil
}

// Explain says what an error of AWS means; permission is what the call needs.
func (a *AWS) Explain(ctx context.Context, permission string, err error) error {
	said := awsconfig.Plain(ctx, err)
	switch status := awsconfig.Status(err); {
	case err == nil:
		return nil
	case context.Cause(ctx) != nil:
		return said
	case isAny(err, "AccessDeniedException", "AccessDenied", "Forbidden") || status == http.StatusForbidden && !isIdentity(err):
		if strings.Contains(said.Error(), "kms") || strings.Contains(said.Error(), "KMS") {
			permission += ", and kms:Decrypt with the key that it is encrypted with"
		}
		return Wrongf("not allowed: %s (%.300s)", permission, said)
	case isAny(err, "ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound", "NoSuchKey", "NoSuchBucket", "NotFound"):
		return Wrongf("does not exist in this account and region (%.300s)", said)
	case isAny(err, "ValidationException", "InvalidParameterException", "InvalidRequestException"):
		return Wrongf("%.300s", said)
	}
	return fmt.Errorf("%.500s", said) //nolint:errorlint // the SDK's error prints what said leaves out
}

// isIdentity is about who asks, not about what they may: credentials that have
// just expired, or are not known everywhere yet.
func isIdentity(err error) bool {
	return isAny(err, "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidClientTokenId",
		"UnrecognizedClientException", "SignatureDoesNotMatch", "RequestTimeTooSkewed")
}

func isAny(err error, codes ...string) bool {
	for _, code := range codes {
		if awsconfig.IsCode(err, code) {
			return true
		}
	}
	return false
}
