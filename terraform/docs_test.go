package terraform_test

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/entrypoints/app"
)

var update = flag.Bool("update", false, "write the tables of inputs and outputs anew")

var (
	declared     = regexp.MustCompile(`(?ms)^(variable|output) "(\w+)" \{\n(.*?)^\}`)
	described    = regexp.MustCompile(`(?m)^  description = "(.*)"$`)
	defaultValue = regexp.MustCompile(`(?m)^  default\s+= (.*)$`)
)

// table is the inputs or outputs of a module, as its README shows them.
func table(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var rows strings.Builder
	for _, d := range declared.FindAllStringSubmatch(string(text), -1) {
		kind, name, body := d[1], d[2], d[3]
		description := described.FindStringSubmatch(body)
		require.NotNil(t, description, "%s: %s has no description", file, name)
		said := strings.NewReplacer(`\"`, `"`, "$$", "$", "|", `\|`).Replace(description[1])
		if kind == "output" {
			fmt.Fprintf(&rows, "| `%s` | %s |\n", name, said)
			continue
		}
		value := "must be set"
		if d := defaultValue.FindStringSubmatch(body); d != nil {
			value = "`" + d[1] + "`"
		}
		fmt.Fprintf(&rows, "| `%s` | %s | %s |\n", name, value, said)
	}
	require.NotEmpty(t, rows.String(), file)
	if strings.HasSuffix(file, "outputs.tf") {
		return "| output | meaning |\n| --- | --- |\n" + rows.String()
	}
	return "| input | default | meaning |\n| --- | --- | --- |\n" + rows.String()
}

func TestTheTablesInTheReadmesAreTrue(t *testing.T) {
	for module := range modules {
		readme := filepath.Join(module, "README.md")
		text, err := os.ReadFile(readme)
		require.NoError(t, err)
		want := string(text)
		for _, part := range []string{"variables", "outputs"} {
			begin, end := "<!-- "+part+" -->\n", "<!-- end -->"
			before, rest, found := strings.Cut(want, begin)
			require.True(t, found, "%s has no %s", readme, begin)
			_, after, found := strings.Cut(rest, end)
			require.True(t, found, "%s has no %s", readme, end)
			want = before + begin + table(t, filepath.Join(module, part+".tf")) + end + after
		}
		if *update {
			require.NoError(t, os.WriteFile(readme, []byte(want), 0o644))
		}
		assert.Equal(t, want, string(text), "%s is old: go test ./terraform -run %s -update", readme, t.Name())
	}
}

// Every configuration here is one that packetboat takes.
func TestTheConfigurationsAreRight(t *testing.T) {
	t.Setenv("MINIO_ID", "id")
	t.Setenv("MINIO_KEY", "key")
	files, err := filepath.Glob("*/tests/testdata/*.yaml")
	require.NoError(t, err)
	examples, err := filepath.Glob("*/examples/*/config.yaml")
	require.NoError(t, err)
	files = append(files, examples...)
	require.Len(t, files, 5)
	for _, template := range []string{"aws-lambda/examples/fleet/config.yaml.tftpl", "gcp-cloud-function/examples/gke-gcs/config.yaml.tftpl"} {
		files = append(files, rendered(t, template))
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Empty(t, check(t, string(text)))
		})
	}
}

// check gives the errors of `packetboat check`.
func check(t *testing.T, text string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	problems, err := app.Check(t.Context(), app.Options{ConfigFile: file, Stdout: io.Discard, Stderr: io.Discard})
	var out []string
	for _, p := range problems {
		if config.HasErrors([]config.Problem{p}, false) {
			out = append(out, p.String())
		}
	}
	assert.Equal(t, err != nil, len(out) > 0, "%v", err)
	return out
}

// rendered is a template with its variables put in, as Terraform puts them in.
func rendered(t *testing.T, template string) string {
	t.Helper()
	text, err := os.ReadFile(template)
	require.NoError(t, err)
	out := regexp.MustCompile(`\$\{jsonencode\(.*\)\}`).ReplaceAllString(string(text), `{"name": "shop", "region": "eu-central-1"}`)
	out = strings.NewReplacer("${name}", "shop", "${project}", "acme").Replace(out)
	require.NotContains(t, out, "${")
	file := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte(out), 0o600))
	return file
}
