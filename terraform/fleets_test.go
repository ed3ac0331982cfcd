package terraform_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
)

// The Job controller of a real control plane makes the pods, and tells each its number.
func TestTheIndexedJobHasAPodForEachCluster(t *testing.T) {
	text, err := os.ReadFile("fleets/indexed-job.yaml")
	require.NoError(t, err)
	var cronJob map[string]any
	require.NoError(t, yaml.Unmarshal(text, &cronJob))
	cluster := localtest.Start(t, local.Options{Controllers: true})
	const batch, core = "/apis/batch/v1/namespaces/monitoring/", "/api/v1/namespaces/monitoring"
	named := func(api, kind, name string) map[string]any {
		return map[string]any{"apiVersion": api, "kind": kind, "metadata": map[string]any{"name": name}}
	}
	apply := func(path string, object map[string]any) {
		require.NoError(t, cluster.Client().Apply(t.Context(), path, object))
	}
	apply(core, named("v1", "Namespace", "monitoring"))
	apply(core+"/serviceaccounts/packetboat", named("v1", "ServiceAccount", "packetboat"))
	apply(batch+"cronjobs/packetboat-fleet", cronJob)
	job := named("batch/v1", "Job", "now") // not waiting for the schedule
	job["spec"] = cronJob["spec"].(map[string]any)["jobTemplate"].(map[string]any)["spec"]
	apply(batch+"jobs/now", job)

	var pods struct {
		Items []struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				Containers []struct {
					Command []string
					Env     []struct{ Name string }
				}
			}
		}
	}
	require.Eventually(t, func() bool {
		return cluster.Client().Get(t.Context(), core+"/pods?labelSelector=job-name%3Dnow", &pods) == nil && len(pods.Items) == 2
	}, time.Minute, 100*time.Millisecond)
	var numbers []string
	for _, pod := range pods.Items {
		numbers = append(numbers, pod.Metadata.Labels["batch.kubernetes.io/job-completion-index"])
		container := pod.Spec.Containers[0]
		assert.Contains(t, container.Command, "--config=/etc/packetboat/$(JOB_COMPLETION_INDEX).yaml")
		require.Len(t, container.Env, 1)
		assert.Equal(t, "JOB_COMPLETION_INDEX", container.Env[0].Name, "what the kubelet puts into the command")
	}
	assert.ElementsMatch(t, []string{"0", "1"}, numbers)
}

// cfn-lint knows CloudFormation's types and the language of state machines.
func TestTheStateMachineIsValid(t *testing.T) {
	lint, err := exec.LookPath("cfn-lint")
	if err != nil {
		require.Equal(t, "none", os.Getenv("CFN_LINT"), "cfn-lint is needed: pip install cfn-lint. CFN_LINT=none leaves the template untested")
		t.Skip("CFN_LINT=none: the state machine is NOT tested")
	}
	out, err := exec.CommandContext(t.Context(), lint, "fleets/step-functions.yaml").CombinedOutput()
	require.NoError(t, err, "%s", out)
	text, err := os.ReadFile("fleets/step-functions.yaml")
	require.NoError(t, err)
	wrong := t.TempDir() + "/wrong.yaml"
	require.NoError(t, os.WriteFile(wrong, []byte(strings.Replace(string(text), "Type: Pass", "Type: Skip", 1)), 0o600))
	require.Error(t, exec.CommandContext(t.Context(), lint, wrong).Run(), "it looks into the definition")
}
