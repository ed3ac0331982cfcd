package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/config"
)

func TestEnrichKinds(t *testing.T) {
	cfg, problems := load(t, "enrich:\n  kinds: [Pod, apps/Deployment, velero.io/Backup, cert-manager.io/Certificate]\n")
	assert.NotContains(t, problems, "enrich")
	assert.Equal(t, []config.ObjectKind{"Pod", "apps/Deployment", "velero.io/Backup", "cert-manager.io/Certificate"}, cfg.Enrich.Kinds)
	cfg, _ = load(t, "clusterName: a\n")
	assert.Empty(t, cfg.Enrich.Kinds)
	assert.Equal(t, 10*time.Minute, cfg.CacheTTL)
}

func TestEnrichKindsAreNotResources(t *testing.T) {
	for _, kind := range []string{"pods", "v1/Pod", "v1beta1/Pod", "apps/v1/Deployment", "Deployment.apps", "/Pod", "''", "core/ Pod"} {
		cfg, problems := config.Load("c", []byte("enrich:\n  kinds: [Node, "+kind+"]\n"), options())
		require.Nil(t, cfg, kind)
		assert.Equal(t, "c:2:17: enrich.kinds[1]: want a kind such as Pod, or a group and a kind such as apps/Deployment, without version",
			problems[0].String())
	}
}
