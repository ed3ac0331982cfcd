//go:build slim && !aws

package cluster

import (
	"errors"
	"time"

	"github.com/packetboat/packetboat/core/config"
)

func newEKS(config.EKS, func() time.Time) (cloud, error) {
	return nil, errors.New("eks is not built into this binary: it was built with -tags slim; add the tag aws")
}
