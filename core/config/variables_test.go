package config_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/config"
)

func TestVariables_DC1(t *testing.T) {
	cfg := loadFile(t, "variables.yaml")
	assert.Equal(t, "blue-eu-1", cfg.ClusterName)
	assert.Equal(t, 8080, cfg.KubeBurst, "a scalar that is one variable takes its type")
	assert.Equal(t, 77, cfg.CacheSize)
	assert.True(t, cfg.OmitLookup)
	rule := cfg.Route.Match[0]
	assert.Equal(t, "^Back$", rule.Reason.Text)
	assert.Equal(t, "a$|(b$)|[$]|cost $5 $", rule.Message.Text)
	assert.Equal(t, "Pod|Job", rule.Kind.Text)

	hook := cfg.Receivers[0].Config.(*hookConfig)
	assert.Equal(t, "http://blue/{{ $x := .Name }}{{ $x }}/$HOME/${HOME}/$1", hook.Endpoint.Text)
	assert.Equal(t, "\"a: b\n- $CLUSTER # {{ x }}", hook.Password.Reveal(), "a secret neither breaks YAML nor expands again")
	assert.Equal(t, 8080, hook.Port)
	assert.Equal(t, []string{"blue"}, hook.Hosts, "a scalar is a list of one")
	assert.Equal(t, "8080", hook.Headers["number"].Text)
	assert.Equal(t, "8080", hook.Headers["quoted"].Text)
	assert.Equal(t, `{{ "}} $y" }}blue{{/* $z */}}`, hook.Headers["raw"].Text)

	var layout map[string]any
	require.NoError(t, hook.Layout.Node.Decode(&layout))
	assert.Equal(t, map[string]any{
		"number": 8080, "quoted": "8080", "nothing": "null",
		"block": "blue\n{{ range $k, $v := .Labels }}{{ $k }}{{ end }}\n",
	}, layout)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", cfg, cfg, hook.Password), "a: b")
}

func TestReadTheEnvironmentByDefault(t *testing.T) {
	t.Setenv("PACKETBOAT_TEST_CLUSTER", "green")
	cfg, problems := config.Load("c", []byte("clusterName: $PACKETBOAT_TEST_CLUSTER"), config.Options{})
	require.Empty(t, problems)
	assert.Equal(t, "green", cfg.ClusterName)
}

func TestAnchorsAndMerges(t *testing.T) {
	cfg := loadFile(t, "anchors.yaml")
	first, second := cfg.Route.Match[0], cfg.Route.Match[1]
	assert.Equal(t, "shop", first.Namespace.Text)
	assert.Equal(t, "Own", first.Reason.Text, "an own key goes before a merged one")
	assert.Equal(t, "BackOff", second.Reason.Text)
	assert.Equal(t, "Pod", second.Kind.Text)
	assert.Equal(t, []string{"a", "b"}, []string{cfg.Receivers[0].Name, cfg.Receivers[1].Name})

	_, problems := load(t, "x-rules: &r {kind: Pod}\nroute: {drop: *r}")
	assert.Empty(t, problems, "x- is where anchors can be kept")
}
