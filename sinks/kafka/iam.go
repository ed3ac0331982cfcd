//go:build !slim || aws

package kafka

import (
	"context"
	"fmt"

	"github.com/aws/aws-msk-iam-sasl-signer-go/signer"
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/awsclient"
)

// iam makes the tokens of aws-msk-iam.
func (c saslConfig) iam(env sinks.Env) (func(context.Context) (string, error), error) {
	a := c.AWS
	client, err := awsclient.New(awsclient.Config{Config: awsconfig.Config{
		Region: a.Region, AssumeRole: a.AssumeRole, AccessKeyID: a.AccessKeyID, SecretAccessKey: a.SecretAccessKey,
	}}, env, func(c aws.Config) aws.Config { return c })
	if err != nil {
		return nil, fmt.Errorf("sasl.aws: %w", err)
	}
	// A signed request, made here: nobody is asked but who has the credentials.
	return func(ctx context.Context) (token string, err error) {
		err = client.Do(ctx, func(ctx context.Context, c aws.Config) (err error) {
			token, _, err = signer.GenerateAuthTokenFromCredentialsProvider(ctx, c.Region, c.Credentials)
			return err
		})
		return token, err
	}, nil
}
