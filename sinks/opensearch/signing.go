//go:build !slim || aws

package opensearch

import (
	"context"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/opensearch-project/opensearch-go/v4/signer/awsv2"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/awsclient"
)

// signing makes a transport sign for awsService, if it is set.
func (c Config) signing(env sinks.Env) (func(http.RoundTripper) http.RoundTripper, error) {
	if c.AWSService == "" {
		return unsigned, nil
	}
	credentials, err := awsclient.New(awsclient.Config{Config: awsconfig.Config{
		Region: c.Region, AssumeRole: c.AssumeRole, AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey,
	}}, env, func(c aws.Config) aws.Config { return c })
	if err != nil {
		return nil, err
	}
	return func(next http.RoundTripper) http.RoundTripper { return signing{next, credentials, c.AWSService} }, nil
}

// signing signs what the transport has completed: compressed, and with the
// address of a node.
type signing struct {
	next        http.RoundTripper
	credentials *awsclient.Client[aws.Config]
	service     string
}

func (s signing) RoundTrip(r *http.Request) (*http.Response, error) {
	var config aws.Config
	err := s.credentials.Do(r.Context(), func(_ context.Context, c aws.Config) error {
		config = c
		return nil
	})
	if err != nil {
		return nil, err
	}
	by, err := signer.NewSignerWithService(config, s.service)
	if err != nil {
		return nil, fmt.Errorf("sign the request: %w", err)
	}
	if err := by.SignRequest(r); err != nil {
		return nil, fmt.Errorf("sign the request: %w", err)
	}
	return s.next.RoundTrip(r)
}
