package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// manifest is what these tests look at in one.
type manifest struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Data     map[string]string
	Rules    []struct {
		APIGroups        []string `yaml:"apiGroups"`
		Resources, Verbs []string
		ResourceNames    []string `yaml:"resourceNames"`
	}
	Spec struct {
		JobTemplate struct {
			Spec struct{ Template podTemplate }
		} `yaml:"jobTemplate"`
		Template       podTemplate
		Containers     []container
		InitContainers []container `yaml:"initContainers"`
	}
}

type podTemplate struct {
	Spec struct{ Containers []container }
}

type container struct{ Args []string }

// commands are the arguments of all containers.
func (m *manifest) commands() (args [][]string) {
	all := slices.Concat(m.Spec.Containers, m.Spec.InitContainers, m.Spec.Template.Spec.Containers, m.Spec.JobTemplate.Spec.Template.Spec.Containers)
	for _, c := range all {
		args = append(args, c.Args)
	}
	return args
}

func manifests(t *testing.T, text []byte) (all []manifest) {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var m manifest
		err := decoder.Decode(&m)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all = append(all, m)
	}
}

// renderings are the chart's, as Helm has made them: deploy/helm has the test of that.
func renderings(t *testing.T) map[string][]manifest {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repository, "deploy/helm/testdata/*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	all := map[string][]manifest{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		all[filepath.Base(file)] = manifests(t, text)
	}
	return all
}

func TestChartSpeaksOurCommandLine(t *testing.T) {
	for name, all := range renderings(t) {
		found := 0
		for _, m := range all {
			for _, args := range m.commands() {
				found++
				sub, flags, err := (&command{stdout: io.Discard, stderr: io.Discard}).root().Find(args)
				require.NoError(t, err, name)
				require.True(t, sub.Runnable(), "%s: %s", name, args)
				require.NoError(t, sub.ParseFlags(flags), "%s: %s", name, args)
				require.NoError(t, sub.ValidateArgs(sub.Flags().Args()), "%s: %s", name, args)
			}
		}
		assert.Equal(t, 3, found, "%s: the work, and two of the test", name)
	}
}

// grants are all single rights: where, on what, under which name, to do what.
func grants(all []manifest) (rights []string) {
	for _, m := range all {
		for _, rule := range m.Rules {
			names := rule.ResourceNames
			if len(names) == 0 {
				names = []string{"*"}
			}
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, name := range names {
						for _, verb := range rule.Verbs {
							rights = append(rights, strings.Join([]string{m.Metadata.Namespace, resource + "." + group, name, verb}, " "))
						}
					}
				}
			}
		}
	}
	slices.Sort(rights)
	return slices.Compact(rights)
}

// TestChartGrantsWhatRbacPrints: for the chart's own configuration `packetboat
// rbac` names the same rights, and the same objects that must be there before.
func TestChartGrantsWhatRbacPrints(t *testing.T) {
	t.Setenv("TOKEN", "secret")
	for name, all := range renderings(t) {
		mode := "run"
		var file string
		for _, m := range all {
			switch m.Kind {
			case "Deployment":
				mode = "watch"
			case "Secret":
				text, err := base64.StdEncoding.DecodeString(m.Data["config.yaml"])
				require.NoError(t, err)
				file = filepath.Join(t.TempDir(), "config.yaml")
				require.NoError(t, os.WriteFile(file, text, 0o600))
			}
		}
		var stdout, stderr bytes.Buffer
		code := execute([]string{"rbac", "--config", file, "--namespace", "monitoring", "--mode", mode}, strings.NewReader(""), &stdout, &stderr)
		require.Zero(t, code, "%s: %s", name, stderr.String())
		printed := manifests(t, stdout.Bytes())
		require.NotEmpty(t, grants(all), name)
		assert.Equal(t, grants(printed), grants(all), name)
		assert.Equal(t, beforehand(printed), beforehand(all), name)
	}
}

// beforehand are the objects that must be there before the first run.
func beforehand(all []manifest) (objects []string) {
	for _, m := range all {
		if m.Kind == "ConfigMap" || m.Kind == "Lease" {
			objects = append(objects, m.Kind+" "+m.Metadata.Namespace+"/"+m.Metadata.Name)
		}
	}
	slices.Sort(objects)
	return objects
}
