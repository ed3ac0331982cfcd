package config_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/sinks"
)

var update = flag.Bool("update", false, "write the golden files")

// Every file in testdata/problems proves what its name says; the golden file
// beside it is all that Load has to say about it.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/problems/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range append(files, "testdata/broken.yaml") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			cfg, problems := config.Load("config.yaml", data, options())
			require.NotEmpty(t, problems)
			assert.Equal(t, config.HasErrors(problems, false), cfg == nil, "a Config and an error exclude each other")

			var lines strings.Builder
			for _, p := range problems {
				fmt.Fprintf(&lines, "%s: %s\n", p.Severity, p)
				assert.Equal(t, "config.yaml", p.File)
			}
			for _, value := range []string{"secret-value", "hunter2"} {
				assert.NotContains(t, lines.String(), value, "a value of the file is printed")
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(lines.String()), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), lines.String())
		})
	}
}

func TestOnlyUnknownKeysBecomeErrorsUnderStrict(t *testing.T) {
	_, unknown := config.Load("c", []byte("zebra: 1\n"), options())
	assert.False(t, config.HasErrors(unknown, false))
	assert.True(t, config.HasErrors(unknown, true))

	_, ignored := config.Load("c", []byte("clusterEnvironment: x\n"), options())
	require.Len(t, ignored, 1)
	assert.False(t, config.HasErrors(ignored, true))

	_, wrong := config.Load("c", []byte("logLevel: x\n"), options())
	assert.True(t, config.HasErrors(wrong, false))
}

func TestProblemFromTakesTheChainApart(t *testing.T) {
	at := sinks.Position{Line: 3, Column: 7}
	one, two := errors.New("one"), errors.New("two")
	for name, c := range map[string]struct {
		err  error
		want []string
	}{
		"nil":           {nil, nil},
		"plain":         {one, []string{"f: k: one"}},
		"position":      {at.Errorf("bad %d", 1), []string{"f:3:7: k: bad 1"}},
		"wrapped":       {fmt.Errorf("open: %w", at.Errorf("bad")), []string{"f:3:7: k: open: bad"}},
		"joined":        {errors.Join(at.Errorf("bad"), one), []string{"f:3:7: k: bad", "f: k: one"}},
		"wrapped join":  {fmt.Errorf("open: %w", errors.Join(one, two)), []string{"f: k: open: one", "f: k: open: two"}},
		"inner place":   {at.Errorf("outer: %w", sinks.Position{Line: 9}.Errorf("inner")), []string{"f:9: k: outer: inner"}},
		"two by text":   {fmt.Errorf("%w but %w", one, two), []string{"f: k: one but two"}},
		"wrap in front": {fmt.Errorf("%w, it said", one), []string{"f: k: one, it said"}},
		"no place":      {sinks.Position{}.Errorf("bad"), []string{"f: k: bad"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, p := range config.ProblemFrom(c.err, "f", "k") {
				assert.Equal(t, config.Error, p.Severity)
				got = append(got, p.String())
			}
			assert.Equal(t, c.want, got)
		})
	}
}
