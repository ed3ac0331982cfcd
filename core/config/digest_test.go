package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/sinks"
)

const digestReceiver = "route: {match: [{receiver: a}]}\nreceivers:\n  - name: a\n    webhook: {endpoint: http://h}\n"

func texts(templates []sinks.Template) (all []string) {
	for _, t := range templates {
		all = append(all, t.Text)
	}
	return all
}

func TestDigestAndSuppressHaveDefaults(t *testing.T) {
	cfg, problems := load(t, digestReceiver+"    digest: {}\n    suppress: {for: 1h}\n    autoClose: 30m\n")
	assert.Empty(t, problems)
	r := cfg.Receivers[0]
	require.NotNil(t, r.Digest)
	assert.Equal(t, []string{"namespace", "kind", "owner", "reason"}, texts(r.Digest.By))
	assert.Equal(t, config.DigestAsRun, r.Digest.As)
	assert.Equal(t, 5*time.Minute, r.Digest.Every)
	assert.Equal(t, time.Hour, r.Suppress.For)
	assert.Equal(t, 30*time.Minute, r.AutoClose)

	cfg, problems = load(t, digestReceiver+"    digest: {by: [reason, '{{ .InvolvedObject.Labels.team }}'], as: group, top: 3, every: 1m}\n")
	assert.Empty(t, problems)
	assert.Equal(t, []string{"reason", "{{ .InvolvedObject.Labels.team }}"}, texts(cfg.Receivers[0].Digest.By))

	cfg, problems = load(t, digestReceiver)
	assert.Empty(t, problems)
	assert.Nil(t, cfg.Receivers[0].Digest)
	assert.Nil(t, cfg.Receivers[0].Suppress)
}

func TestDigestsThatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		"digest: {by: [reson]}":        "receivers[0].digest.by: want templates, or of the words action, cluster,",
		"digest: {as: batch}":          "receivers[0].digest.as: want run or group",
		"digest: {top: -1}":            "receivers[0].digest.top: cannot be negative",
		"digest: {every: 10ms}":        "receivers[0].digest.every: want 1s or more",
		"digest: 5m":                   "receivers[0].digest: want a mapping",
		"suppress: {}":                 "receivers[0].suppress.for: is missing",
		"suppress: 1h":                 "receivers[0].suppress: want a mapping",
		"suppress: {for: 1h, by: [x]}": "receivers[0].suppress.by: want templates",
		"{digest: {}, suppress: {for: 1h, by: [reason]}}": "receivers[0].suppress.by: the groups are those of digest.by",
		"autoClose: 1s": "receivers[0].autoClose: want 1m or more",
	} {
		if text[0] == '{' {
			text = "digest: {}\n    suppress: {for: 1h, by: [reason]}"
		}
		cfg, problems := config.Load("c", []byte(digestReceiver+"    "+text+"\n"), options())
		assert.Nil(t, cfg, text)
		if assert.Len(t, problems, 1, text) {
			assert.Contains(t, problems[0].String(), "c:", text)
			assert.Contains(t, problems[0].String(), want)
		}
	}
}
