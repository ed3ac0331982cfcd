package statetest

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/state"
)

// Readme checks the configurations in a README: every YAML block with
// checkpoint: or deadLetter: of one of these kinds is decoded, knows all of its
// keys, and opens. There is at least one of each that a kind can keep.
func Readme(t *testing.T, path string, kinds ...state.Kind) {
	t.Helper()
	checkpoints, letters := map[string]int{}, map[string]int{}
	for _, block := range Blocks(t, path, "yaml") {
		var document struct {
			Checkpoint map[string]yaml.Node `yaml:"checkpoint"`
			DeadLetter map[string]yaml.Node `yaml:"deadLetter"`
		}
		require.NoError(t, yaml.Unmarshal([]byte(block), &document))
		for _, kind := range kinds {
			if node, found := document.Checkpoint[kind.Name]; found {
				_, err := kind.Open(t.Context(), decode(t, node, kind.NewConfig()), state.Env{})
				require.NoError(t, err)
				checkpoints[kind.Name]++
			}
			if node, found := document.DeadLetter[kind.Name]; found {
				_, err := kind.OpenDeadLetters(t.Context(), decode(t, node, kind.NewDeadLetterConfig()), state.Env{})
				require.NoError(t, err)
				letters[kind.Name]++
			}
		}
	}
	for _, kind := range kinds {
		require.NotZero(t, checkpoints[kind.Name], "%s has no example of checkpoint: {%s: ...}", path, kind.Name)
		require.Equal(t, kind.OpenDeadLetters != nil, letters[kind.Name] > 0, "%s: example of deadLetter: {%s: ...}", path, kind.Name)
	}
}

func decode(t *testing.T, node yaml.Node, config any) any {
	t.Helper()
	raw, err := yaml.Marshal(&node)
	require.NoError(t, err)
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(config))
	return config
}

// Blocks are the code blocks of one language in a Markdown file.
func Blocks(t *testing.T, path, language string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	blocks := slices.Collect(strings.SplitSeq(string(text), "\n```"+language+"\n"))[1:]
	for i, block := range blocks {
		var closed bool
		blocks[i], _, closed = strings.Cut(block, "\n```")
		require.True(t, closed, "%s: a block is not closed", path)
	}
	require.NotEmpty(t, blocks, "%s has no block of %s", path, language)
	return blocks
}
