package cluster_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/config"
)

// blocks are the examples of the README in one language.
func blocks(t *testing.T, language string) (all []string) {
	t.Helper()
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, found := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(page), -1) {
		all = append(all, found[1])
	}
	return all
}

// Every example of a configuration is one, and every key is in one.
func TestConfigurationsOfTheReadme(t *testing.T) {
	ways := map[string]int{}
	var text strings.Builder
	for _, block := range blocks(t, "yaml") {
		if !strings.HasPrefix(block, "cluster:") {
			continue
		}
		text.WriteString(block)
		c, problems := config.Load("README.md", []byte(block), config.Options{LookupEnv: func(string) (string, bool) { return "", true }})
		assert.Empty(t, problems, block)
		require.NotNil(t, c, block)
		ways[c.Cluster.Way]++
	}
	assert.Equal(t, map[string]int{"inCluster": 1, "kubeconfig": 1, "eks": 2, "gke": 2, "server": 1}, ways)
	for _, key := range []string{"name", "region", "roleARN", "externalID", "endpoint", "project", "location", "connect", "caData", "tokenFile"} {
		assert.Contains(t, text.String(), key+": ")
	}
}

// The policy holds the one action that the code names in its error.
func TestPolicyOfTheReadme(t *testing.T) {
	policies := blocks(t, "json")
	require.Len(t, policies, 1)
	var policy struct {
		Statement []struct{ Effect, Action, Resource string }
	}
	require.NoError(t, json.Unmarshal([]byte(policies[0]), &policy))
	require.Len(t, policy.Statement, 1)
	assert.Equal(t, "eks:DescribeCluster", policy.Statement[0].Action)
}
