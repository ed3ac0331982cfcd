package helm_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const chart = "packetboat"

var update = flag.Bool("update", false, "write the table of the README and the renderings in testdata anew")

// property is a schema of one value, as far as the tests look at it.
type property struct {
	Description          string
	AdditionalProperties any
	Properties           map[string]property
}

func read(t *testing.T, parts ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(parts...))
	require.NoError(t, err)
	return string(text)
}

func schemaOfValues(t *testing.T) (top property, compiled *jsonschema.Schema) {
	t.Helper()
	text := read(t, chart, "values.schema.json")
	require.NoError(t, json.Unmarshal([]byte(text), &top))
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("values.schema.json", document))
	compiled, err = compiler.Compile("values.schema.json")
	require.NoError(t, err)
	return top, compiled
}

// values decodes YAML as Helm does, by way of JSON.
func values(t *testing.T, text string) map[string]any {
	t.Helper()
	var decoded map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &decoded))
	raw, err := json.Marshal(decoded)
	require.NoError(t, err)
	generic, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
	require.NoError(t, err)
	if generic == nil {
		return map[string]any{}
	}
	return generic.(map[string]any)
}

// leaves are the values that the schema describes: those below which it says nothing.
func leaves(path string, p property) map[string]property {
	if len(p.Properties) == 0 {
		return map[string]property{path: p}
	}
	all := map[string]property{}
	for name, below := range p.Properties {
		maps.Copy(all, leaves(strings.TrimPrefix(path+"."+name, "."), below))
	}
	return all
}

func valueAt(t *testing.T, all map[string]any, path string) any {
	t.Helper()
	var at any = all
	for part := range strings.SplitSeq(path, ".") {
		below, ok := at.(map[string]any)
		require.True(t, ok, path)
		require.Contains(t, below, part, "values.yaml has no %s, which the schema has", path)
		at = below[part]
	}
	return at
}

// TestValuesSchemaAndTableAreOne: each value is in values.yaml with its default,
// in the schema with what it is for, and in the README with both.
func TestValuesSchemaAndTableAreOne(t *testing.T) {
	top, compiled := schemaOfValues(t)
	defaults := values(t, read(t, chart, "values.yaml"))
	require.NoError(t, compiled.Validate(defaults))
	delete(top.Properties, "global") // Helm's own, of every chart

	described := leaves("", top)
	rows := map[string]string{}
	for _, path := range slices.Sorted(maps.Keys(described)) {
		require.NotEmpty(t, described[path].Description, path)
		value, err := json.Marshal(valueAt(t, defaults, path))
		require.NoError(t, err)
		rows[path] = fmt.Sprintf("| `%s` | `%s` | %s |\n", path, value, strings.ReplaceAll(described[path].Description, "|", `\|`))
	}
	for _, path := range leavesOf("", defaults, described) {
		assert.Contains(t, described, path, "values.yaml has it, the schema has not")
	}
	checkTable(t, rows)
}

// leavesOf are the paths of all that values.yaml says.
func leavesOf(path string, value any, described map[string]property) (paths []string) {
	below, ok := value.(map[string]any)
	if _, whole := described[path]; whole || !ok {
		return []string{path}
	}
	for name, v := range below {
		paths = append(paths, leavesOf(strings.TrimPrefix(path+"."+name, "."), v, described)...)
	}
	return paths
}

func checkTable(t *testing.T, rows map[string]string) {
	t.Helper()
	const begin, end = "<!-- values -->\n", "<!-- end of values -->"
	var table strings.Builder
	table.WriteString("| value | default | what it is |\n| --- | --- | --- |\n")
	for _, path := range slices.Sorted(maps.Keys(rows)) {
		table.WriteString(rows[path])
	}
	file := filepath.Join(chart, "README.md")
	before, rest, found := strings.Cut(read(t, file), begin)
	require.True(t, found)
	_, after, found := strings.Cut(rest, end)
	require.True(t, found)
	want := before + begin + table.String() + end + after
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o600))
	}
	assert.Equal(t, want, read(t, file), "the table is old: go test ./deploy/helm -update")
}

// TestSchemaIsStrict: a name that nobody knows is refused at every level.
func TestSchemaIsStrict(t *testing.T) {
	top, _ := schemaOfValues(t)
	var strict func(path string, p property)
	strict = func(path string, p property) {
		if len(p.Properties) == 0 {
			return
		}
		assert.Equal(t, false, p.AdditionalProperties, "%s takes any name", path)
		for name, below := range p.Properties {
			strict(path+"."+name, below)
		}
	}
	strict("", top)
}

// wrongValues are refused by the schema, and the message says which.
func wrongValues() map[string]string {
	return map[string]string{
		"mod: watch":                                        "additional properties 'mod' not allowed",
		"mode: deployment":                                  "at '/mode': value must be one of 'cronjob', 'watch'",
		"cronjob: {shedule: x}":                             "at '/cronjob': additional properties 'shedule' not allowed",
		"cronjob: {schedule: every minute}":                 "at '/cronjob/schedule': 'every minute' does not match pattern",
		"cronjob: {deadlineSeconds: 3m}":                    "at '/cronjob/deadlineSeconds': got string, want integer",
		"cronjob: {deadlineSeconds: 0}":                     "at '/cronjob/deadlineSeconds': minimum: got 0, want 10",
		"watch: {replicas: 0}":                              "at '/watch/replicas': minimum: got 0, want 1",
		"watch: {podDisruptionBudget: {maxUnavailable: 0}}": "at '/watch/podDisruptionBudget/maxUnavailable': minimum: got 0, want 1",
		"config: 7":                                         "at '/config': got number, want null or string or object",
		"existingSecret: My_Secret":                         "at '/existingSecret': 'My_Secret' does not match pattern",
		"image: {digest: latest}":                           "at '/image/digest': 'latest' does not match pattern",
		"image: {pullPolicy: Sometimes}":                    "at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'",
		"rbac: {lookupKinds: [pods]}":                       "at '/rbac/lookupKinds/0': 'pods' does not match pattern",
		"extraArgs: --strict":                               "at '/extraArgs': got string, want array",
		"serviceAccount: {annotations: {a: 1}}":             "at '/serviceAccount/annotations/a': got number, want string",
		"metrics: {port: 123456}":                           "at '/metrics/port': maximum: got 123,456, want 65,535",
		"networkPolicy: {apiServer: {cidrs: []}}":           "at '/networkPolicy/apiServer/cidrs': minItems: got 0, want 1",
		"fullnameOverride: " + strings.Repeat("a", 53):      "at '/fullnameOverride': maxLength: got 53, want 52",
	}
}

func TestWrongValuesAreRefused(t *testing.T) {
	_, compiled := schemaOfValues(t)
	for text, want := range wrongValues() {
		require.ErrorContains(t, compiled.Validate(values(t, text)), want, text)
	}
}
