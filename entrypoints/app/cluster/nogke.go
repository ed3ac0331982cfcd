//go:build slim && !gcp

package cluster

import (
	"errors"

	"github.com/packetboat/packetboat/core/config"
)

func newGKE(config.GKE) (cloud, error) {
	return nil, errors.New("gke is not built into this binary: it was built with -tags slim; add the tag gcp")
}
