//go:build slim && !gcp

package secrets

import (
	"context"

	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

type google struct{}

func (*google) googleSecret(context.Context, string, string) (document, error) {
	return nil, fetch.NoGoogle()
}
