package all_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/state"
	"github.com/packetboat/packetboat/state/all"
	"github.com/packetboat/packetboat/state/configmap"
	"github.com/packetboat/packetboat/state/file"
	"github.com/packetboat/packetboat/state/statetest"
)

// Every folder of state is a store in the list, but for those that keep nothing.
func TestEveryFolderIsInTheListAndRunsTheSuite(t *testing.T) {
	entries, err := os.ReadDir("..")
	require.NoError(t, err)
	var stores []string
	tests := map[string]string{}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.IsDir() || name == "all" || name == "statetest" || name == "testdata" {
			continue
		}
		test, err := os.ReadFile(filepath.Join("..", name, name+"_test.go"))
		require.NoError(t, err)
		require.Contains(t, string(test), "statetest.Run(t, ", "%s does not run the conformance suite", name)
		tests[name] = allTests(t, name)
		if name != "mem" {
			stores = append(stores, name)
		}
	}
	var listed []string
	for _, kind := range all.Kinds() {
		listed = append(listed, strings.ToLower(kind.Name))
		require.NotNil(t, kind.NewConfig())
		_, err := kind.FromRef("")
		require.Error(t, err, "%s takes a reference to nothing", kind.Name)
		require.Equal(t, kind.OpenDeadLetters == nil, kind.NewDeadLetterConfig == nil, kind.Name)
		if kind.OpenDeadLetters != nil {
			require.NotNil(t, kind.NewDeadLetterConfig())
			require.Contains(t, tests[strings.ToLower(kind.Name)], "statetest.RunDeadLetters(t, ",
				"%s does not run the conformance suite of dead letters", kind.Name)
		}
	}
	require.Equal(t, stores, listed)
}

// allTests is the text of all tests of a folder.
func allTests(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
	require.NoError(t, err)
	var text strings.Builder
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		text.Write(raw)
	}
	return text.String()
}

// The others have a README of their own.
func TestConfigurationsOfTheReadme(t *testing.T) {
	statetest.Readme(t, "../README.md", configmap.Kind, file.Kind)
}

// The dead letter in the README is one.
func TestDeadLetterOfTheReadme(t *testing.T) {
	for _, block := range statetest.Blocks(t, "../README.md", "json") {
		if !strings.Contains(block, `"reason"`) {
			continue
		}
		var head state.DeadLetter
		require.NoError(t, json.Unmarshal([]byte(block), &head))
		d, err := state.DecodeDeadLetter(state.DeadLetterName(head.Key()), []byte(block))
		require.NoError(t, err)
		require.Equal(t, "what was rendered", string(d.Body))
		return
	}
	t.Fatal("the README shows no dead letter")
}

func TestMemoryRemembersNothingBeyondItself(t *testing.T) {
	_, err := all.Memory().Commit(t.Context(), state.Checkpoint{Revision: 1}, "")
	require.NoError(t, err)
	_, _, err = all.Memory().Load(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound)
}
