//go:build slim && !aws

package configsource

import (
	"context"

	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

func noAWS(context.Context, string) (content, error) { return content{}, fetch.NoAWS() }

func s3Object(string, string) reader { return noAWS }

func ssmParameter(string) reader { return noAWS }
