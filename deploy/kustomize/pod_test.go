package kustomize_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

func jsonOf(t *testing.T, o object) []byte {
	t.Helper()
	text, err := json.Marshal(o)
	require.NoError(t, err)
	return text
}

// podOf is the template in an object, nil if it has none.
func podOf(t *testing.T, o object) *corev1.PodTemplateSpec {
	t.Helper()
	switch o.kind() {
	case "CronJob":
		var c batchv1.CronJob
		o.into(t, &c)
		return &c.Spec.JobTemplate.Spec.Template
	case "Deployment":
		var d appsv1.Deployment
		o.into(t, &d)
		return &d.Spec.Template
	}
	return nil
}

// A container is the process that a kubelet would start for a pod.
type container struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

// container takes arguments, environment and files from the pod; the image is
// the binary. It is not in the cluster, so that its token comes in a kubeconfig.
func (w world) container(t *testing.T, binary string, pod *corev1.Pod, more ...string) *container {
	t.Helper()
	require.Len(t, pod.Spec.Containers, 1)
	spec := pod.Spec.Containers[0]
	require.Empty(t, spec.Command, "the image's own")
	env := w.environment(t, pod, &spec)
	var args []string
	mounts := w.mount(t, pod, &spec)
	for _, arg := range spec.Args {
		for name, value := range env {
			arg = strings.ReplaceAll(arg, "$("+name+")", value)
		}
		for path, dir := range mounts {
			arg = strings.ReplaceAll(arg, path, dir)
		}
		args = append(args, arg)
	}
	c := &container{Cmd: exec.CommandContext(t.Context(), binary, append(args, more...)...)}
	c.Dir = t.TempDir()
	c.Env = []string{"KUBECONFIG=" + w.as(t, pod.Spec.ServiceAccountName)}
	for name, value := range env {
		c.Env = append(c.Env, name+"="+value)
	}
	c.Stdout, c.Stderr = &c.stdout, &c.stderr
	return c
}

func (w world) environment(t *testing.T, pod *corev1.Pod, spec *corev1.Container) map[string]string {
	t.Helper()
	env := map[string]string{}
	for _, from := range spec.EnvFrom {
		var secret corev1.Secret
		w.get(t, "/api/v1/namespaces/"+pod.Namespace+"/secrets/"+from.SecretRef.Name, &secret)
		for name, value := range secret.Data {
			env[name] = string(value)
		}
	}
	for _, variable := range spec.Env {
		if variable.ValueFrom == nil {
			env[variable.Name] = variable.Value
			continue
		}
		switch field := variable.ValueFrom.FieldRef.FieldPath; field {
		case "metadata.name":
			env[variable.Name] = pod.Name
		case "metadata.namespace":
			env[variable.Name] = pod.Namespace
		case "metadata.labels['batch.kubernetes.io/job-completion-index']": // the Job controller's own
			env[variable.Name] = pod.Labels["batch.kubernetes.io/job-completion-index"]
		default:
			require.Fail(t, "this kubelet does not know "+field)
		}
	}
	return env
}

// mount writes the files of the pod's volumes, and says where for each path.
func (w world) mount(t *testing.T, pod *corev1.Pod, spec *corev1.Container) map[string]string {
	t.Helper()
	mounts := map[string]string{}
	for _, mount := range spec.VolumeMounts {
		for _, volume := range pod.Spec.Volumes {
			if volume.Name != mount.Name || volume.ConfigMap == nil {
				continue
			}
			var files corev1.ConfigMap
			w.get(t, "/api/v1/namespaces/"+pod.Namespace+"/configmaps/"+volume.ConfigMap.Name, &files)
			mounts[mount.MountPath] = t.TempDir()
			for name, text := range files.Data {
				require.NoError(t, os.WriteFile(filepath.Join(mounts[mount.MountPath], name), []byte(text), 0o600))
			}
		}
	}
	return mounts
}

// run waits for the process, and returns its exit code.
func (c *container) run(t *testing.T) int {
	t.Helper()
	err := c.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	require.NoError(t, err)
	return 0
}
