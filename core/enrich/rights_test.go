package enrich_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/packetboat/packetboat/core/enrich"
)

func TestResources(t *testing.T) {
	found, unknown := enrich.Resources([]string{"Pod", "cert-manager.io/Certificate", "apps/Deployment", "Node", "Deployment", "Certificate", "apps/Pod"})
	assert.Equal(t, []enrich.Resource{
		{Name: "nodes"},
		{Name: "pods", Namespaced: true},
		{Group: "apps", Name: "deployments", Namespaced: true},
		{Group: "apps", Name: "pods", Namespaced: true, Guessed: true},
		{Group: "cert-manager.io", Name: "certificates", Namespaced: true, Guessed: true},
	}, found)
	assert.Equal(t, []string{"Certificate"}, unknown, "in which group?")
}

func TestCommonKindsAreBuiltIn(t *testing.T) {
	found, unknown := enrich.Resources(enrich.CommonKinds())
	assert.Len(t, found, len(enrich.CommonKinds()))
	assert.Empty(t, unknown)
	for _, r := range found {
		assert.False(t, r.Guessed, r.Name)
		assert.NotContains(t, []string{"secrets", "configmaps"}, r.Name)
	}
}
