package cluster

import (
	"context"
	"time"

	"github.com/packetboat/packetboat/core/config"
)

// EKSToken makes a token by a clock.
func EKSToken(ctx context.Context, c config.EKS, now func() time.Time) (string, time.Time, error) {
	cloud, err := newEKS(c, now)
	if err != nil {
		return "", time.Time{}, err
	}
	return cloud.token(ctx)
}

// FindEKS asks where a cluster is.
func FindEKS(ctx context.Context, c config.EKS) (server string, ca []byte, err error) {
	return find(ctx, func() (cloud, error) { return newEKS(c, time.Now) })
}

// FindGKE asks where a cluster is.
func FindGKE(ctx context.Context, c config.GKE) (server string, ca []byte, err error) {
	return find(ctx, func() (cloud, error) { return newGKE(c) })
}

func find(ctx context.Context, open func() (cloud, error)) (server string, ca []byte, err error) {
	cloud, err := open()
	if err != nil {
		return "", nil, err
	}
	found, err := cloud.find(ctx)
	return found.server, found.ca, err
}
