//go:build slim && !aws && !gcp

package cluster_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/entrypoints/app/cluster"
)

func TestWhatASlimBinaryDoesNotHaveItSays(t *testing.T) {
	_, err := cluster.New(cluster.Config{EKS: &config.EKS{Name: "prod"}})
	require.EqualError(t, err, "find the cluster: eks is not built into this binary: it was built with -tags slim; add the tag aws")
	_, err = cluster.New(cluster.Config{GKE: &config.GKE{Name: "prod"}})
	require.EqualError(t, err, "find the cluster: gke is not built into this binary: it was built with -tags slim; add the tag gcp")
}
