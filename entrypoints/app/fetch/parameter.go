//go:build !slim || aws

package fetch

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/packetboat/packetboat/core/awsconfig"
)

// Parameter is the decrypted value of a parameter, by its name or ARN.
func (a *AWS) Parameter(ctx context.Context, name string) (string, error) {
	loaded, err := a.Config(ctx, awsconfig.RegionOf(name))
	if err != nil {
		return "", err
	}
	decrypt := true
	found, err := ssm.NewFromConfig(loaded).GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: &decrypt})
	if err != nil {
		return "", a.Explain(ctx, "ssm:GetParameter", err)
	}
	if found.Parameter == nil || found.Parameter.Value == nil {
		return "", nil
	}
	return *found.Parameter.Value, nil
}
