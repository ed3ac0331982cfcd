package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/packetboat/packetboat/entrypoints/app"
)

// deafCluster is an API server that takes connections and never answers, with a
// configuration for it. It names both in the environment.
func deafCluster(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	dir := t.TempDir()
	kubeconfig, config := filepath.Join(dir, "kubeconfig"), filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(kubeconfig, fmt.Appendf(nil, `
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c}}]
clusters: [{name: c, cluster: {server: "http://%s"}}]
`, listener.Addr()), 0o600))
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
checkpoint: {file: {path: %q}}
route: {routes: [{match: [{receiver: out}]}]}
receivers: [{name: out, stdout: {}}]
`, filepath.Join(dir, "checkpoint.json")), 0o600))
	t.Setenv(app.EnvConfig, config)
	t.Setenv(app.EnvKubeconfig, kubeconfig)
}

func TestFunctionEndsBeforeItsTime(t *testing.T) {
	const long, short = time.Hour, 500 * time.Millisecond
	for name, test := range map[string]struct {
		context, option, env time.Duration // 0: not set
	}{
		"deadline of the context":          {context: short},
		"timeout of the platform":          {option: short},
		"timeout of the environment":       {env: short},
		"the context goes before a longer": {context: short, option: long, env: long},
		"the environment before a longer":  {context: long, option: long, env: short},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			deafCluster(t)
			if test.env > 0 {
				t.Setenv(app.EnvTimeout, test.env.String())
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.context > 0 {
				ctx, cancel = context.WithTimeout(ctx, test.context)
				defer cancel()
			}
			f := app.NewFunction(app.FunctionOptions{Timeout: test.option})
			report, err := f.Invoke(ctx, nil)
			require.NoError(t, err, "that the time was too short is no error")
			assert.False(t, report.CaughtUp)
			assert.Nil(t, report.LeaseHeldBy)
			assert.Contains(t, report.Receivers, "out", "the run began")
			if test.context == short {
				assert.NoError(t, ctx.Err(), "it ended only after the deadline")
			}
		})
	}
}

func TestFunctionStopsWhenItsCallerLeaves(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	deafCluster(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	report, err := app.NewFunction(app.FunctionOptions{}).Invoke(ctx, nil)
	require.NoError(t, err)
	assert.False(t, report.CaughtUp)
}

func TestFunctionTellsWhatIsWrongWithTheEnvironment(t *testing.T) {
	deafCluster(t)
	for _, test := range []struct{ name, value, says string }{
		{app.EnvConfig, "missing.yaml", "missing.yaml does not exist"},
		{app.EnvCheckpoint, "tape:1", "--checkpoint tape:1"},
		{app.EnvKubeconfig, "missing", "missing"},
		{app.EnvTimeout, "60", `PACKETBOAT_TIMEOUT: want a time such as 50s, got "60"`},
		{app.EnvTimeout, "-1s", "PACKETBOAT_TIMEOUT"},
	} {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			right := os.Getenv(test.name)
			t.Setenv(test.name, test.value)
			var log bytes.Buffer
			f := app.NewFunction(app.FunctionOptions{LogFormat: app.LogGoogle, Stderr: &log})
			f.Warm()
			report, err := f.Invoke(t.Context(), nil)
			require.ErrorContains(t, err, test.says)
			assert.Contains(t, report.Error, test.says)

			var line struct{ Severity, Message, Error, Time string }
			require.NoErrorf(t, json.Unmarshal(log.Bytes(), &line), "one line of JSON: %s", log.String())
			assert.Equal(t, "ERROR", line.Severity)
			assert.NotEmpty(t, line.Message)
			assert.NotEmpty(t, line.Time)
			assert.Contains(t, line.Error, test.says)

			t.Setenv(test.name, right)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err = f.Invoke(ctx, nil)
			require.NoError(t, err, "after an error everything is opened anew")
		})
	}
}

func TestFunctionFindsItsBundledConfiguration(t *testing.T) {
	deafCluster(t)
	bundled := os.Getenv(app.EnvConfig)
	t.Setenv(app.EnvConfig, "")
	t.Setenv(app.EnvTimeout, "300ms")
	t.Setenv("LAMBDA_TASK_ROOT", filepath.Dir(bundled))
	_, err := app.NewFunction(app.FunctionOptions{}).Invoke(t.Context(), nil)
	require.NoError(t, err)

	// Where Google's buildpack leaves the source.
	t.Setenv("LAMBDA_TASK_ROOT", "")
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("serverless_function_source_code", 0o700))
	text, err := os.ReadFile(bundled)
	require.NoError(t, err)
	packed := filepath.Join("serverless_function_source_code", "config.yaml")
	require.NoError(t, os.WriteFile(packed, text, 0o600))
	_, err = app.NewFunction(app.FunctionOptions{}).Invoke(t.Context(), nil)
	require.NoError(t, err)

	require.NoError(t, os.Remove(packed))
	executable, err := os.Executable()
	require.NoError(t, err)
	_, err = app.NewFunction(app.FunctionOptions{}).Invoke(t.Context(), nil)
	require.ErrorContains(t, err, filepath.Join(filepath.Dir(executable), "config.yaml"))
}
