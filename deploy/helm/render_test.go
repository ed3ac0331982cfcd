package helm_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/entrypoints/app"
)

const (
	release   = "packetboat"
	namespace = "monitoring"
	// A Helm that go install has built believes in a Kubernetes of long ago.
	kubeVersion = "1.31.0"
)

// helm is one of Helm's binaries; its files are the test's own.
type helm struct {
	binary     string
	kubeconfig string
	env        []string
}

func newHelm(t *testing.T, binary string) helm {
	t.Helper()
	dir := t.TempDir()
	return helm{binary: binary, env: []string{
		"HOME=" + dir, "PATH=" + os.Getenv("PATH"),
		"HELM_CACHE_HOME=" + dir, "HELM_CONFIG_HOME=" + dir, "HELM_DATA_HOME=" + dir,
	}}
}

// latest is Helm 4, or the test is over: without LIVE it has nothing to say.
func latest(t *testing.T) (h helm, there bool) {
	t.Helper()
	helm4, _ := peers.Helm(t)
	return newHelm(t, helm4), helm4 != ""
}

func (h helm) run(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), h.binary, args...)
	cmd.Env = h.env
	if h.kubeconfig != "" {
		cmd.Args = append(cmd.Args, "--kubeconfig", h.kubeconfig)
	}
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("helm %s: %w: %s", args[0], err, said.String())
	}
	return out.String(), nil
}

// template renders the chart with these values.
func (h helm) template(t *testing.T, values string) (string, error) {
	t.Helper()
	return h.run(t, "template", release, chart, "--namespace", namespace, "--kube-version", kubeVersion, "--values", valuesFile(t, values))
}

func valuesFile(t *testing.T, values string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(file, []byte(values), 0o600))
	return file
}

// object is a manifest.
type object map[string]any

func (o object) kind() string { return o["kind"].(string) }

func (o object) meta() map[string]any { return o["metadata"].(map[string]any) }

func (o object) name() string { return o.meta()["name"].(string) }

func (o object) namespace() string {
	namespace, _ := o.meta()["namespace"].(string)
	return namespace
}

func (o object) String() string { return o.kind() + " " + o.namespace() + "/" + o.name() }

// at is what stands below these keys; a number is an index.
func (o object) at(t *testing.T, path ...any) any {
	t.Helper()
	var here any = map[string]any(o)
	for _, key := range path {
		switch k := key.(type) {
		case string:
			below, ok := here.(map[string]any)
			require.True(t, ok, "%s: %v", o, path)
			require.Contains(t, below, k, "%s: %v", o, path)
			here = below[k]
		case int:
			require.Greater(t, len(here.([]any)), k, "%s: %v", o, path)
			here = here.([]any)[k]
		}
	}
	return here
}

func objects(t *testing.T, manifests string) (all []object) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(manifests))
	for {
		var o map[string]any
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		if o != nil {
			all = append(all, o)
		}
	}
}

// one is the object of this kind, which there must be once.
func one(t *testing.T, all []object, kind string) object {
	t.Helper()
	found := these(all, kind)
	require.Len(t, found, 1, kind)
	return found[0]
}

func these(all []object, kind string) (found []object) {
	for _, o := range all {
		if o.kind() == kind {
			found = append(found, o)
		}
	}
	return found
}

// pod is the specification of the pods that do the work.
func pod(t *testing.T, all []object) object {
	t.Helper()
	if these(all, "CronJob") != nil {
		return one(t, all, "CronJob").at(t, "spec", "jobTemplate", "spec", "template", "spec").(map[string]any)
	}
	return one(t, all, "Deployment").at(t, "spec", "template", "spec").(map[string]any)
}

// configuration is the file that the pod finds, "" if it is not the chart's.
func configuration(t *testing.T, all []object) string {
	t.Helper()
	if len(these(all, "Secret")) == 0 {
		return ""
	}
	raw, err := base64.StdEncoding.DecodeString(one(t, all, "Secret").at(t, "data", "config.yaml").(string))
	require.NoError(t, err)
	return string(raw)
}

// check asks the program what it thinks of a configuration.
func check(t *testing.T, text string) []app.Problem {
	t.Helper()
	problems, err := app.Check(t.Context(), app.Options{ConfigFile: valuesFile(t, text), Strict: true})
	require.NoError(t, err, text)
	return problems
}
