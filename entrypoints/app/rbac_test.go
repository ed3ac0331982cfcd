package app_test

import (
	"bufio"
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/entrypoints/app"
)

// TestRBAC makes the rights of each configuration in testdata/rbac, with the
// flags in its first line. The warnings are below the manifest.
func TestRBAC(t *testing.T) {
	t.Setenv("KEY", "k")
	t.Setenv("POD_NAMESPACE", "")
	files, err := filepath.Glob("testdata/rbac/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			o, r := rbacFlags(t, file)
			manifest, warnings, err := app.RBAC(t.Context(), o, r)
			require.NoError(t, err)
			again, _, err := app.RBAC(t.Context(), o, r)
			require.NoError(t, err)
			assert.Equal(t, string(manifest), string(again))
			got := string(manifest)
			for _, warning := range warnings {
				got += "# warning: " + warning + "\n"
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if flag.Lookup("update").Value.String() == "true" { // sinktest declares it
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
			assertObjects(t, manifest)
		})
	}
}

// assertObjects looks at what no golden file should be trusted for: each object
// has a name, no rule has a wildcard, and a rule that can be limited to a name is.
func assertObjects(t *testing.T, manifest []byte) {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewReader(manifest))
	seen := map[string]bool{}
	for {
		var o struct {
			APIVersion, Kind string
			Metadata         struct{ Name, Namespace string }
			Rules            []struct {
				APIGroups     []string `yaml:"apiGroups"`
				Resources     []string
				ResourceNames []string `yaml:"resourceNames"`
				Verbs         []string
			}
		}
		if decoder.Decode(&o) != nil {
			break
		}
		id := o.Kind + " " + o.Metadata.Namespace + "/" + o.Metadata.Name
		assert.NotEmpty(t, o.Metadata.Name, id)
		assert.False(t, seen[id], "%s is there twice", id)
		seen[id] = true
		for _, rule := range o.Rules {
			for _, word := range append(append(rule.APIGroups, rule.Resources...), rule.Verbs...) {
				assert.NotContains(t, word, "*", id)
			}
			for _, resource := range rule.Resources {
				named := resource == "configmaps" || resource == "leases" || resource == "secrets" || resource == "namespaces"
				assert.True(t, !named || len(rule.ResourceNames) > 0, "%s: %s without a name", id, resource)
			}
		}
	}
	assert.NotEmpty(t, seen)
}

// rbacFlags reads them from the first line, as the command's own.
func rbacFlags(t *testing.T, file string) (app.Options, app.RBACOptions) {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	require.True(t, lines.Scan())
	line, found := strings.CutPrefix(lines.Text(), "# rbac: ")
	require.True(t, found, file)
	o := app.Options{ConfigFile: file}
	var r app.RBACOptions
	flags := pflag.NewFlagSet(file, pflag.ContinueOnError)
	flags.StringVar(&o.Namespace, "namespace", "", "")
	flags.StringVar(&r.ServiceAccount, "service-account", "packetboat", "")
	flags.BoolVar(&r.CreateServiceAccount, "create-service-account", true, "")
	flags.StringVar(&r.User, "user", "", "")
	flags.StringVar(&r.Group, "group", "", "")
	flags.StringVar(&r.Mode, "mode", app.ModeRun, "")
	flags.IntVar(&r.Shards, "shards", 0, "")
	flags.StringSliceVar(&r.Kinds, "kinds", nil, "")
	require.NoError(t, flags.Parse(strings.Fields(line)))
	return o, r
}
