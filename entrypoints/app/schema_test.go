package app

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/config/schematest"
	sinksall "github.com/packetboat/packetboat/sinks/all"
	stateall "github.com/packetboat/packetboat/state/all"
)

func validator(t *testing.T, strict bool) schematest.Validator {
	t.Helper()
	schema, err := Schema(strict)
	require.NoError(t, err)
	return schematest.New(t, schema)
}

// examples are the configurations, and parts of one, of the whole documentation
// by their place.
func examples(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(module, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != module:
			return fs.SkipDir
		case strings.HasSuffix(path, ".md"):
			for i, block := range yamlBlocks(t, path) {
				if isConfig(t, block) {
					found[fmt.Sprintf("%s %d", path, i)] = block
				}
			}
		case strings.HasSuffix(path, "-config.yaml"), strings.Contains(path, "deploy/local/demo/") && strings.HasSuffix(path, ".yaml"):
			text, err := os.ReadFile(path)
			found[path] = string(text)
			return err
		}
		return nil
	}))
	require.Greater(t, len(found), 30)
	return found
}

// isConfig tells a configuration from YAML of others, and from that of a sink
// which is not in the list.
func isConfig(t *testing.T, text string) bool {
	t.Helper()
	_, problems := config.Load("c", []byte(text), config.Options{Sinks: sinksall.Kinds(), Stores: stateall.Kinds()})
	return !slices.ContainsFunc(problems, func(p config.Problem) bool {
		return p.Key == "" || p.Unknown && !strings.ContainsAny(p.Key, ".[") || strings.Contains(p.Text, "is not built into this binary")
	})
}

func TestSchemaTakesEveryExample(t *testing.T) {
	lenient, strict := validator(t, false), validator(t, true)
	for place, text := range examples(t) {
		assert.NoError(t, lenient(text), place)
		assert.NoError(t, strict(text), place)
	}
}

func TestEveryKeyHasADescription(t *testing.T) {
	schema, err := Schema(false)
	require.NoError(t, err)
	var root map[string]any
	require.NoError(t, yaml.Unmarshal(schema, &root))
	var missing []string
	var walk func(path string, schema any)
	walk = func(path string, schema any) {
		switch node := schema.(type) {
		case map[string]any:
			properties, _ := node["properties"].(map[string]any)
			for key, value := range properties {
				p := value.(map[string]any)
				if p["description"] == nil && p["not"] == nil {
					missing = append(missing, path+"."+key)
				}
			}
			for key, value := range node {
				walk(path+"."+key, value)
			}
		case []any:
			for _, value := range node {
				walk(path, value)
			}
		}
	}
	walk("", root)
	slices.Sort(missing)
	assert.Empty(t, missing, "write a comment above the field, then make docs")
}

// What is put in the place of every value of every example, one at a time.
var replacements = []string{
	"null", "[a, b]", "{a: b}", "text", "5", "[]", "{}", "[{a: b}]", "{a: [b]}", `""`, "0", "-5", "1.5", "true", "yes", "2024-01-02", "5s", "1Mi",
}

// Some of them, in turn; LIVE=all takes all for each value.
func (m *mutator) some() []string {
	if os.Getenv("LIVE") == "all" {
		return replacements
	}
	var few []string
	for range 2 {
		few = append(few, replacements[m.next%len(replacements)])
		m.next++
	}
	return few
}

// Whatever check takes the schema takes; whatever check refuses for its type or
// because it is missing the schema refuses.
func TestSchemaAgreesWithCheck(t *testing.T) {
	t.Parallel()
	validate, m := validator(t, false), &mutator{file: filepath.Join(t.TempDir(), "config.yaml")}
	found := examples(t)
	for _, place := range slices.Sorted(maps.Keys(found)) {
		var document yaml.Node
		require.NoError(t, yaml.Unmarshal([]byte(found[place]), &document))
		m.mutate(document.Content[0], func() {
			mutant, err := yaml.Marshal(&document)
			require.NoError(t, err)
			m.compare(t, validate, string(mutant))
		})
	}
	t.Logf("%d configurations, of which check took %d and refused %d for their shape", m.all, m.taken, m.refused)
	assert.Positive(t, m.taken)
	assert.Positive(t, m.refused)
}

// mutator makes configurations out of examples, by one change each.
type mutator struct {
	file                string
	next                int // of the replacements
	all, taken, refused int
}

// dependent is what is missing only because of what another key says, or in an
// item of a list.
var dependent = []string{
	"gcloud_project_id: is missing", "avro: schema: is missing", "assumeRole: roleARN is missing", "links[0]: href: is missing", "channel: is missing",
}

func (m *mutator) compare(t *testing.T, validate schematest.Validator, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(m.file, []byte(text), 0o600))
	_, err := Check(t.Context(), Options{ConfigFile: m.file})
	checked, validated := err, validate(text)
	m.all++
	if checked == nil {
		m.taken++
		assert.NoError(t, validated, text)
		return
	}
	var wrong *ConfigError
	require.ErrorAs(t, checked, &wrong)
	for _, p := range wrong.Problems {
		shape := strings.HasPrefix(p.Text, "want ") && strings.Contains(p.Text, ", got ") || strings.HasSuffix(p.Text, "is missing")
		if shape && p.Severity == config.Error && !slices.Contains(dependent, p.Text) {
			m.refused++
			assert.Error(t, validated, "%s\n%s", p, text)
		}
	}
}

// mutate calls then with each value below a node replaced or left out.
func (m *mutator) mutate(n *yaml.Node, then func()) {
	original := *n
	for _, text := range m.some() {
		var other yaml.Node
		if yaml.Unmarshal([]byte(text), &other) == nil {
			*n = *other.Content[0]
			then()
		}
	}
	*n = original
	for i := range n.Content {
		if n.Kind != yaml.MappingNode || i%2 == 1 {
			m.mutate(n.Content[i], then)
			continue
		}
		n.Content = slices.Delete(slices.Clone(original.Content), i, i+2)
		then()
		n.Content = original.Content
	}
}
