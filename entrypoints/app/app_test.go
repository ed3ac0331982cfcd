package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/config"
)

// from makes an App of a configuration's text.
func from(t *testing.T, text string, change ...func(*Options)) (*App, error) {
	t.Helper()
	o := Options{ConfigFile: filepath.Join(t.TempDir(), "config.yaml")}
	require.NoError(t, os.WriteFile(o.ConfigFile, []byte(text), 0o600))
	for _, c := range change {
		c(&o)
	}
	return New(t.Context(), o)
}

const simple = `
route: {match: [{receiver: a}]}
receivers: [{name: a, stdout: {}}]
`

func TestUnknownKeysAreErrorsOnlyIfStrict(t *testing.T) {
	a, err := from(t, "sorce: {}\n"+simple)
	require.NoError(t, err)
	require.Len(t, a.Warnings, 1)
	assert.Equal(t, config.Warning, a.Warnings[0].Severity)
	_, err = from(t, "sorce: {}\n"+simple, func(o *Options) { o.Strict = true })
	var wrong *ConfigError
	require.ErrorAs(t, err, &wrong)
	require.Len(t, wrong.Problems, 1)
	assert.Equal(t, config.Error, wrong.Problems[0].Severity)
	assert.ErrorContains(t, err, `:1:1: sorce: unknown key, did you mean "source"?`)
}

// A configuration that is a device or grows without end must not fill the memory.
func TestALargeFileIsNotRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, os.Truncate(file, 1<<40))
	_, err := New(t.Context(), Options{ConfigFile: file})
	assert.ErrorContains(t, err, "has 1099511627776 bytes, the limit is 1048576")
	_, err = New(t.Context(), Options{ConfigFile: "/dev/zero"})
	require.Error(t, err)
	assert.Equal(t, ExitUsage, ExitCode(err))
}

func TestWhichStore(t *testing.T) {
	configured := simple + "checkpoint: {file: {path: configured.json}}\n"
	for name, test := range map[string]struct {
		config, flag, says string
	}{
		"of the configuration":     {configured, "", "file (from "},
		"the command line's first": {configured, "file:named.json", "file:named.json"},
		"names in any case":        {simple, "ConfigMap:monitoring/packetboat", "ConfigMap:monitoring/packetboat"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := from(t, test.config, func(o *Options) { o.Checkpoint = test.flag })
			require.NoError(t, err)
			store, err := a.Store(t.Context())
			require.NoError(t, err)
			assert.NotNil(t, store)
			assert.Contains(t, a.describe(), test.says)
		})
	}
	for _, flag := range []string{"checkpoint.json", "s3:bucket", ":x", "file", "file:", "file:dir/", "configmap:", "configmap:UPPER"} {
		t.Run(flag, func(t *testing.T) {
			a, err := from(t, simple, func(o *Options) { o.Checkpoint = flag })
			require.NoError(t, err)
			_, err = a.Store(t.Context())
			require.ErrorContains(t, err, "--checkpoint "+flag+": ")
			assert.Equal(t, ExitUsage, ExitCode(err))
		})
	}
}

// Where events come from a file, the configuration's checkpoint is another
// input's: taking it would set the cluster's cursors to the file's versions.
func TestEventsDoNotMoveTheClustersCheckpoint(t *testing.T) {
	checkpoint := filepath.Join(t.TempDir(), "checkpoint.json")
	a, err := from(t, simple+"checkpoint: {file: {path: "+checkpoint+"}}\n", func(o *Options) { o.Events = "-" })
	require.NoError(t, err)
	a.Stdin = strings.NewReader("")
	report, err := a.Run(t.Context(), RunOptions{})
	require.NoError(t, err)
	assert.True(t, report.CaughtUp)
	assert.NoFileExists(t, checkpoint)
}

func TestHoldersAreNeverTheSame(t *testing.T) {
	t.Setenv("POD_NAME", "packetboat-29384756-x7k2p")
	one, two := holder(), holder()
	assert.NotEqual(t, one, two, "two runs of one process, and so of one pod")
	assert.True(t, strings.HasPrefix(one, "packetboat-29384756-x7k2p/"), one)
	t.Setenv("POD_NAME", "")
	host, err := os.Hostname()
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(holder(), host+"/"))
}
