//go:build slim && !aws

package secrets

import (
	"context"

	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

type amazon struct{}

func (*amazon) awsSecret(context.Context, string) (document, error) { return nil, fetch.NoAWS() }

func (*amazon) awsParameter(context.Context, string) (document, error) { return nil, fetch.NoAWS() }
