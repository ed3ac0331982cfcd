package kustomize_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/kube"
	"github.com/packetboat/packetboat/deploy/local/load"
	"github.com/packetboat/packetboat/deploy/local/localtest"
)

// patience is longer than anything here takes, on a busy machine too.
const patience = 2 * time.Minute

// ours is the overlay of the README, over one of these: with a configuration of
// ours, and its secret.
func ours(t *testing.T, w world, overlay, config string, secret map[string]string) []object {
	t.Helper()
	w.apply(t, secretOf("packetboat-secrets", secret))
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	from, err := filepath.Abs(overlay)
	require.NoError(t, err)
	from, err = filepath.Rel(dir, from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o600))
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, text, found := strings.Cut(string(readme), "```yaml kustomization\n")
	require.True(t, found)
	text, _, _ = strings.Cut(text, "```")
	require.Contains(t, text, "../packetboat/deploy/kustomize/cronjob")
	text = strings.ReplaceAll(text, "../packetboat/deploy/kustomize/cronjob", from)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600))
	objects := render(t, dir)
	w.apply(t, objects...)
	w.settles(t, namespace, within(rightsOf(t, objects), namespace))
	return objects
}

// eventually waits for something that others do.
func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	require.Eventually(t, happened, patience, 50*time.Millisecond, what)
}

// start makes a Job of the CronJob, as kubectl create job --from does.
func (w world) start(t *testing.T, objects []object, name string) {
	t.Helper()
	var cronJob batchv1.CronJob
	find(t, objects, "CronJob").into(t, &cronJob)
	job := object{
		"apiVersion": "batch/v1", "kind": "Job", "spec": cronJob.Spec.JobTemplate.Spec,
		"metadata": map[string]any{
			"name": name, "namespace": namespace,
			"annotations": map[string]any{"cronjob.kubernetes.io/instantiate": "manual"},
		},
	}
	_, err := w.Client().Do(t.Context(), http.MethodPost, "/apis/batch/v1/namespaces/monitoring/jobs", kube.JSON, jsonOf(t, job))
	require.NoError(t, err)
}

// nextPod is the pod that the Job controller makes beside those that have ended.
func (w world) nextPod(t *testing.T, job string) *corev1.Pod {
	t.Helper()
	var next *corev1.Pod
	eventually(t, "a pod of "+job, func() bool {
		var pods corev1.PodList
		w.get(t, "/api/v1/namespaces/monitoring/pods?labelSelector=batch.kubernetes.io/job-name%3D"+job, &pods)
		for _, pod := range pods.Items {
			if pod.Status.Phase == corev1.PodPending {
				next = &pod
				return true
			}
		}
		return false
	})
	return next
}

// ended writes into a pod's status what a kubelet would.
func (w world) ended(t *testing.T, pod *corev1.Pod, code int) {
	t.Helper()
	phase := corev1.PodSucceeded
	if code != 0 {
		phase = corev1.PodFailed
	}
	now := time.Now().UTC().Format(time.RFC3339)
	w.patch(t, "/api/v1/namespaces/monitoring/pods/"+pod.Name+"/status", map[string]any{"status": map[string]any{
		"phase": phase, "startTime": now, "containerStatuses": []any{map[string]any{
			"name": pod.Spec.Containers[0].Name, "image": "none", "imageID": "none",
			"state": map[string]any{"terminated": map[string]any{"exitCode": code, "startedAt": now, "finishedAt": now}},
		}},
	}})
}

// outcome waits until the Job controller has decided, and says what.
func (w world) outcome(t *testing.T, name string) (outcome string) {
	t.Helper()
	eventually(t, "an end of "+name, func() bool {
		var job batchv1.Job
		w.get(t, "/apis/batch/v1/namespaces/monitoring/jobs/"+name, &job)
		for _, condition := range job.Status.Conditions {
			if condition.Type == batchv1.JobComplete || condition.Type == batchv1.JobFailed {
				outcome = fmt.Sprint(condition.Type, " ", condition.Reason)
				return true
			}
		}
		return false
	})
	return outcome
}

// cursor is what the checkpoint's ConfigMap holds of a receiver, "" if nothing.
func (w world) cursor(t *testing.T, receiver string) string {
	t.Helper()
	var checkpoint corev1.ConfigMap
	w.get(t, "/api/v1/namespaces/monitoring/configmaps/packetboat", &checkpoint)
	var content struct {
		Clusters map[string]map[string]struct{ ResourceVersion string }
	}
	if text := checkpoint.Data["checkpoint.json"]; text != "" {
		require.NoError(t, json.Unmarshal([]byte(text), &content))
	}
	for uid, receivers := range content.Clusters {
		require.NotEmpty(t, uid, "the cluster is known")
		return receivers[receiver].ResourceVersion
	}
	return ""
}

func uidsOf(events []load.Event) (uids []string) {
	for _, ev := range events {
		uids = append(uids, ev.UID)
	}
	return uids
}

// testCronJob runs the pods of Jobs that are made of the CronJob.
func testCronJob(t *testing.T, binary string) {
	w := newWorld(t, local.Options{Controllers: true})
	h := newHook(t)
	config := configured(t, "base/config.yaml", `webhook: {endpoint: "${HOOK}"}`) + "delivery: {retry: {budget: 500ms}}\n"
	objects := ours(t, w, "cronjob", config, map[string]string{"HOOK": h.URL})
	written := localtest.WriteEvents(t, w.Cluster, "shop", 20)

	// Something is owed: the Job tries again, with another pod.
	h.breaks(true)
	w.start(t, objects, "owed")
	pod := w.nextPod(t, "owed")
	c := w.container(t, binary, pod)
	require.Equal(t, 1, c.run(t), "%s", &c.stderr)
	w.ended(t, pod, 1)
	before := w.cursor(t, "log")
	h.breaks(false)
	pod = w.nextPod(t, "owed")
	c = w.container(t, binary, pod)
	require.Equal(t, 0, c.run(t), "%s", &c.stderr)
	w.ended(t, pod, 0)
	assert.Equal(t, "Complete CompletionsReached", w.outcome(t, "owed"))
	assert.True(t, h.has(uidsOf(written)...), "what was owed arrives")
	after := w.cursor(t, "log")
	assert.NotEqual(t, before, after)
	for _, missing := range []string{"may not be", "forbidden", "no marker", "kube-system", `"level":"WARN"`} {
		assert.NotContains(t, c.stderr.String(), missing, "a right is missing")
	}

	// To apply it all again takes nothing from the checkpoint.
	w.apply(t, objects...)
	assert.Equal(t, after, w.cursor(t, "log"))

	// A wrong configuration: no second pod.
	config = strings.ReplaceAll(config, "- receiver: log", "- receiver: nobody")
	objects = ours(t, w, "cronjob", config, map[string]string{"HOOK": h.URL})
	w.start(t, objects, "wrong")
	pod = w.nextPod(t, "wrong")
	c = w.container(t, binary, pod)
	require.Equal(t, 2, c.run(t), "%s", &c.stderr)
	w.ended(t, pod, 2)
	assert.Equal(t, "Failed PodFailurePolicy", w.outcome(t, "wrong"))
	assert.Equal(t, after, w.cursor(t, "log"))
}

// testSchedule waits for the CronJob controller's own Job.
func testSchedule(t *testing.T, binary string) {
	if os.Getenv("LIVE") == "" {
		t.Log("LIVE is not set: the CronJob's Job is only made by hand, by the test of the CronJob")
		return
	}
	w := newWorld(t, local.Options{Controllers: true})
	h := newHook(t)
	config := configured(t, "base/config.yaml", `webhook: {endpoint: "${HOOK}"}`)
	ours(t, w, "cronjob", config, map[string]string{"HOOK": h.URL})
	w.patch(t, "/apis/batch/v1/namespaces/monitoring/cronjobs/packetboat", map[string]any{"spec": map[string]any{"schedule": "* * * * *"}})
	written := localtest.WriteEvents(t, w.Cluster, "shop", 20)
	var jobs batchv1.JobList
	eventually(t, "a Job of the schedule", func() bool {
		w.get(t, "/apis/batch/v1/namespaces/monitoring/jobs", &jobs)
		return len(jobs.Items) > 0
	})
	pod := w.nextPod(t, jobs.Items[0].Name)
	c := w.container(t, binary, pod)
	require.Equal(t, 0, c.run(t), "%s", &c.stderr)
	w.ended(t, pod, 0)
	assert.Equal(t, "Complete CompletionsReached", w.outcome(t, jobs.Items[0].Name))
	assert.True(t, h.has(uidsOf(written)...))
}

// testIndexed looks at what each pod of an Indexed Job would be started with.
func testIndexed(t *testing.T, binary string) {
	w := newWorld(t, local.Options{Controllers: true})
	w.apply(t, secretOf("packetboat-secrets", nil))
	for overlay, want := range map[string][]string{
		"cronjob-fleet":   {"--cluster-index=0", "--cluster-index=1"},
		"cronjob-sharded": {"--shard=0/4", "--shard=1/4", "--shard=2/4", "--shard=3/4"},
	} {
		objects := render(t, overlay)
		w.apply(t, objects...)
		w.start(t, objects, overlay)
		var pods corev1.PodList
		eventually(t, "pods of "+overlay, func() bool {
			w.get(t, "/api/v1/namespaces/monitoring/pods?labelSelector=batch.kubernetes.io/job-name%3D"+overlay, &pods)
			return len(pods.Items) == len(want)
		})
		commands := map[string]bool{}
		for _, pod := range pods.Items {
			commands[strings.Join(w.container(t, binary, &pod).Args, " ")] = true
		}
		assert.Len(t, commands, len(want))
		for _, argument := range want {
			found := 0
			for command := range commands {
				found += strings.Count(command, argument)
			}
			assert.Equal(t, 1, found, "%s: %s in %v", overlay, argument, commands)
		}
	}
}
