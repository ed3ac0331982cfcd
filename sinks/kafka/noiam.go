//go:build slim && !aws

package kafka

import (
	"context"
	"errors"

	"github.com/packetboat/packetboat/sinks"
)

func (c saslConfig) iam(sinks.Env) (func(context.Context) (string, error), error) {
	if c.Enable && c.Mechanism == "aws-msk-iam" {
		return nil, errors.New("sasl.mechanism: aws-msk-iam is not built into this binary (built with -tags slim): use one that has the receivers of AWS")
	}
	return nil, nil
}
