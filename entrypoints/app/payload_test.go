package app_test

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/entrypoints/app"
)

// TestPayloadsThatAreNotOurs ask for a run as it is configured.
func TestPayloadsThatAreNotOurs(t *testing.T) {
	deafCluster(t)
	for name, payload := range map[string]string{
		"nothing":      "",
		"empty object": "{}",
		"text":         "deadline: soon",
		"JSON text":    `"dryRun"`,
		"list":         `[{"deadline": 3}]`,
		"null":         "null",
		"number":       " 17\n",
		"bytes":        "\xff\x00",
		"other keys":   `{"time": {"deadline": 3}, "dead": null, "line": "dryRun"}`,
		"Scheduled Event": `{"version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.scheduler",
			"account": "123456789012", "region": "us-east-1", "resources": ["arn"], "detail": {}}`,
	} {
		t.Run(name, func(t *testing.T) {
			report, err := app.NewFunction(app.FunctionOptions{Timeout: 100 * time.Millisecond}).Invoke(t.Context(), []byte(payload))
			require.NoError(t, err)
			assert.False(t, report.DryRun)
			assert.Contains(t, report.Receivers, "out")
		})
	}
}

// TestWrongPayloads say what is wrong, and nothing is done.
func TestWrongPayloads(t *testing.T) {
	deafCluster(t)
	for payload, says := range map[string]string{
		`{"deadline": 40}`:                     `payload: deadline: want a time such as "40s", got 40`,
		`{"deadline": "40"}`:                   `payload: deadline: want a time such as "40s", got "40"`,
		`{"deadline": "-1s"}`:                  `payload: deadline: want a time such as "40s", got "-1s"`,
		`{"deadline": ""}`:                     `payload: deadline: want a time such as "40s", got ""`,
		`{"deadline": null}`:                   `payload: deadline: want a time such as "40s", got null`,
		`{"receivers": "out"}`:                 `payload: receivers: want a list of names such as ["slack"], got "out"`,
		`{"receivers": [1]}`:                   `payload: receivers: want a list of names such as ["slack"], got [1]`,
		`{"receivers": [ ]}`:                   "payload: receivers: name at least one, or leave the key out for all",
		`{"receivers": ["oat"]}`:               `payload: receivers: receiver "oat" is not in the configuration: did you mean "out"?`,
		`{"receivers": ["out", "elsewhere"]}`:  `payload: receivers: receiver "elsewhere" is not in the configuration`,
		`{"dryRun": "true"}`:                   `payload: dryRun: want true or false, got "true"`,
		`{"dryrun": true}`:                     `payload: dryrun is not known: did you mean "dryRun"?`,
		`{"x": 1, "dry_run": true}`:            `payload: dry_run is not known: did you mean "dryRun"?`,
		`{"receiver": "out"}`:                  `payload: receiver is not known: did you mean "receivers"?`,
		`{"clusters": {}}`:                     `payload: clusters: want a list of names such as ["prod"], got {}`,
		`{"clusters": ["prod"]}`:               `payload: clusters: cluster "prod" is not one that is run here`,
		`{"clusters": []}`:                     "payload: clusters: name at least one, or leave the key out for all",
		`{"dryRun": true`:                      "payload: it begins as a JSON object and is none: unexpected end of JSON input",
		strings.Repeat(" ", app.MaxPayload+1):  "payload: it has 1048577 bytes, the limit is 1048576",
		`{"deadline": ["` + long + `"]}`:       `payload: deadline: want a time such as "40s", got ["` + long[:98],
		strings.Repeat(`{"a":`, 20_000) + "1":  "payload: it begins as a JSON object and is none",
		`{"deadline": "` + long + `"}`:         `payload: deadline: want a time such as "40s", got "` + long[:100],
		`{"receivers": ["out"], "dryRun": {}}`: "payload: dryRun: want true or false, got {}",
	} {
		t.Run(payload[:min(len(payload), 40)], func(t *testing.T) {
			var log bytes.Buffer
			report, err := app.NewFunction(app.FunctionOptions{Timeout: time.Second, Stderr: &log}).Invoke(t.Context(), []byte(payload))
			require.ErrorIs(t, err, app.ErrPayload)
			require.ErrorContains(t, err, says)
			assert.Equal(t, app.ExitUsage, app.ExitCode(err))
			assert.Less(t, len(err.Error()), 300, "it does not repeat what it was sent")
			assert.Contains(t, report.Error, says)
			assert.Empty(t, report.Receivers, "the run did not begin")
			assert.Contains(t, log.String(), "run failed")
		})
	}
}

var long = strings.Repeat("x", 1000)

func TestPayloadLimitsTheTime(t *testing.T) {
	deafCluster(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	defer time.AfterFunc(20*time.Second, cancel).Stop()
	report, err := app.NewFunction(app.FunctionOptions{}).Invoke(ctx, []byte(`{"deadline": "200ms"}`))
	require.NoError(t, err)
	assert.False(t, report.CaughtUp)
	require.NoError(t, ctx.Err(), "it ended only when its caller left")

	// The platform's own time goes before a longer one.
	t.Setenv(app.EnvTimeout, "200ms")
	report, err = app.NewFunction(app.FunctionOptions{}).Invoke(ctx, []byte(`{"deadline": "1h", "dryRun": true}`))
	require.NoError(t, err)
	assert.False(t, report.CaughtUp)
	assert.True(t, report.DryRun)
}

// TestPayloadChoosesClusters of those that the configuration has.
func TestPayloadChoosesClusters(t *testing.T) {
	deafCluster(t)
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte(`
checkpoint: {file: {path: `+dir+`/checkpoint.json}}
clusters:
  - {name: east, cluster: {kubeconfig: "`+os.Getenv(app.EnvKubeconfig)+`"}}
  - {name: west, cluster: {kubeconfig: "`+os.Getenv(app.EnvKubeconfig)+`"}}
  - {name: north, cluster: {kubeconfig: "`+os.Getenv(app.EnvKubeconfig)+`"}}
route: {match: [{receiver: out}]}
receivers: [{name: out, stdout: {}}]
`), 0o600))
	t.Setenv(app.EnvConfig, config)
	t.Setenv(app.EnvKubeconfig, "")
	t.Setenv(app.EnvCheckpoint, "")
	f := app.NewFunction(app.FunctionOptions{Timeout: 200 * time.Millisecond})
	chosen := func(payload string) []string {
		report, err := f.Invoke(t.Context(), []byte(payload))
		require.NoError(t, err)
		return slices.Sorted(maps.Keys(report.Clusters))
	}
	assert.Equal(t, []string{"east", "north", "west"}, chosen("{}"))
	assert.Equal(t, []string{"east", "west"}, chosen(`{"clusters": ["west", "east"]}`))
	_, err := f.Invoke(t.Context(), []byte(`{"clusters": ["south"]}`))
	require.ErrorContains(t, err, `payload: clusters: cluster "south" is not in the configuration, which has east, west, north`)

	t.Setenv(app.EnvClusters, "west")
	f = app.NewFunction(app.FunctionOptions{Timeout: 200 * time.Millisecond})
	assert.Empty(t, chosen(`{"clusters": ["west"]}`), "one alone has a Report like any other")
	_, err = f.Invoke(t.Context(), []byte(`{"clusters": ["east"]}`))
	require.ErrorContains(t, err, `cluster "east" is not one that is run here`)
}
