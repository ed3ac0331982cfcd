package config

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
)

type safe struct {
	Token   secret.String            `yaml:"token"`
	Headers map[string]secret.String `yaml:"headers"`
	Hosts   []secret.String          `yaml:"hosts"`
	Text    sinks.SecretTemplate     `yaml:"text"`
	Inner   *struct {
		Password secret.String `yaml:"password"`
	} `yaml:"inner"`
}

func withSecrets() Options {
	return Options{
		Sinks:  []sinks.Kind{{Name: "safe", NewConfig: func() any { return &safe{} }}},
		Stores: []state.Kind{{Name: "vault", NewConfig: func() any { return &safe{} }}},
		LookupEnv: func(name string) (string, bool) {
			value, ok := map[string]string{"STAGE": "prod", "REF": "awssm:prod/slack#token", "TOKEN": "xoxb-1"}[name]
			return value, ok
		},
	}
}

func TestReferencesAreCollectedWhereverTheyAre(t *testing.T) {
	c, problems := Load("c.yaml", []byte(`
metrics: {pushgateway: {url: "k8s:a/b#url"}}
checkpoint: {vault: {token: file:/checkpoint}}
receivers:
- name: a
  safe:
    token: &t awssm:${STAGE}/slack#token
    headers: {Authorization: ssm:/auth, X-Plain: "a:b"}
    hosts: [https://one, "gcpsm:projects/p-1/secrets/s/versions/1"]
    inner: {password: *t}
- {name: b, safe: {token: "${REF}", hosts: "k8s:a/b#c"}}
- {name: c, safe: {token: "literal:${REF}"}}
- {name: d, safe: {token: "${TOKEN}", text: "{{ .Name }}"}}
- {name: e, safe: {text: ssm:/text}}
- {name: f, safe: {text: "literal:ssm:{{ .Name }}"}}
route: {match: [{receiver: a}]}
`), withSecrets())
	require.Empty(t, problems)
	type found struct {
		ref, key     string
		line, column int
	}
	var all []found
	for _, r := range c.References {
		all = append(all, found{r.Secret.String(), r.Key, r.Position.Line, r.Position.Column})
	}
	assert.ElementsMatch(t, []found{
		{"k8s:a/b#url", "metrics.pushgateway.url", 2, 30},
		{"file:/checkpoint", "checkpoint.vault.token", 3, 29},
		{"awssm:prod/slack#token", "receivers[0].safe.token", 7, 12},
		{"ssm:/auth", "receivers[0].safe.headers.Authorization", 8, 30},
		{"gcpsm:projects/p-1/secrets/s/versions/1", "receivers[0].safe.hosts[1]", 9, 26},
		{"awssm:prod/slack#token", "receivers[0].safe.inner.password", 7, 12},
		{"awssm:prod/slack#token", "receivers[1].safe.token", 11, 27},
		{"k8s:a/b#c", "receivers[1].safe.hosts", 11, 44},
		{"ssm:/text", "receivers[4].safe.text", 14, 26},
	}, all)

	for _, r := range c.References {
		r.Set("value of " + r.Key)
	}
	a, b := c.Receivers[0].Config.(*safe), c.Receivers[1].Config.(*safe)
	for want, got := range map[string]secret.String{
		"value of receivers[0].safe.token":                 a.Token,
		"value of receivers[0].safe.headers.Authorization": a.Headers["Authorization"],
		"a:b":                                 a.Headers["X-Plain"],
		"https://one":                         a.Hosts[0],
		"value of receivers[0].safe.hosts[1]": a.Hosts[1],
		"value of receivers[0].safe.inner.password": a.Inner.Password,
		"value of receivers[1].safe.hosts":          b.Hosts[0],
		"value of checkpoint.vault.token":           c.Checkpoint.Config.(*safe).Token,
		"value of metrics.pushgateway.url":          c.Metrics.Pushgateway.URL,
		"awssm:prod/slack#token":                    c.Receivers[2].Config.(*safe).Token,
		"xoxb-1":                                    c.Receivers[3].Config.(*safe).Token,
		"value of receivers[4].safe.text":           c.Receivers[4].Config.(*safe).Text.Secret,
	} {
		assert.Equal(t, want, got.Reveal())
	}
	assert.Equal(t, "{{ .Name }}", c.Receivers[3].Config.(*safe).Text.Text)
	assert.Equal(t, "ssm:{{ .Name }}", c.Receivers[5].Config.(*safe).Text.Text)
}

// Load asks nobody: also a file that is named is not opened.
func TestAReferenceThatWasNotFetchedNamesNobody(t *testing.T) {
	name := t.TempDir() + "/token"
	require.NoError(t, os.WriteFile(name, []byte("hunter2"), 0o600))
	c, problems := Load("c.yaml", []byte("receivers: [{name: a, safe: {token: file:"+name+"}}]\nroute: {match: [{receiver: a}]}\n"), withSecrets())
	require.Empty(t, problems)
	assert.Equal(t, "https://secret.invalid/not-fetched", c.Receivers[0].Config.(*safe).Token.Reveal())
}

func TestAWrongReferenceIsAProblemWithItsPlace(t *testing.T) {
	_, problems := Load("c.yaml", []byte("receivers:\n- name: a\n  safe: {token: k8s:hunter2}\nroute: {match: [{receiver: a}]}\nsecrets: {ttl: 10ms}\n"), withSecrets())
	require.Len(t, problems, 2)
	assert.Equal(t, "c.yaml:3:17: receivers[0].safe.token: this secret is no reference: want k8s:NAMESPACE/NAME#KEY; "+
		"a secret that only looks like this is written literal:SECRET", problems[0].String())
	assert.Equal(t, "c.yaml:5:16: secrets.ttl: must be 1s or more", problems[1].String())
}

func TestKubeconfigIsAPathOrAReference(t *testing.T) {
	load := func(value string) *Config {
		c, problems := Load("c.yaml", []byte("cluster: {kubeconfig: '"+value+"'}\nsecrets: {ttl: 1h}\n"), withSecrets())
		require.Empty(t, problems)
		return c
	}
	c := load("/etc/kube:config")
	assert.Equal(t, "/etc/kube:config", c.Cluster.Kubeconfig)
	assert.Empty(t, c.References)
	assert.Equal(t, time.Hour, c.Secrets.TTL)
	c = load("awssm:prod/kubeconfig")
	assert.Empty(t, c.Cluster.Kubeconfig)
	require.Len(t, c.References, 1)
	assert.Equal(t, "cluster.kubeconfig", c.References[0].Key)
	c.References[0].Set("apiVersion: v1")
	assert.Equal(t, "apiVersion: v1", c.Cluster.KubeconfigData.Reveal())
}
