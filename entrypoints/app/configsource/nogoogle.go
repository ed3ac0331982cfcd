//go:build slim && !gcp

package configsource

import (
	"context"

	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

func gcsObject(string, string) reader {
	return func(context.Context, string) (content, error) { return content{}, fetch.NoGoogle() }
}
