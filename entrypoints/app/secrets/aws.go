//go:build !slim || aws

package secrets

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

type amazon struct{ aws fetch.AWS }

func (a *amazon) awsSecret(ctx context.Context, name string) (document, error) {
	loaded, err := a.aws.Config(ctx, awsconfig.RegionOf(name))
	if err != nil {
		return nil, err
	}
	found, err := secretsmanager.NewFromConfig(loaded).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
	if err != nil {
		return nil, a.aws.Explain(ctx, "secretsmanager:GetSecretValue", err)
	}
	if found.SecretString == nil {
		return text(found.SecretBinary), nil
	}
	return text(*found.SecretString), nil
}

func (a *amazon) awsParameter(ctx context.Context, name string) (document, error) {
	value, err := a.aws.Parameter(ctx, name)
	return text(value), err
}
