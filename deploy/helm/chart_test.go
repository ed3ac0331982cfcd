package helm_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local/peers"
)

// goldens are the cases whose rendering is kept, so that what can be tested of
// it needs no Helm.
func goldens() []string {
	return []string{"cronjob", "watch", "s3", "one namespace", "two namespaces", "kinds"}
}

func golden(name string) string {
	return filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".yaml")
}

func TestHelmRendersWhatIsInTestdata(t *testing.T) {
	h, there := latest(t)
	if !there {
		return
	}
	for _, name := range goldens() {
		rendered, err := h.template(t, cases()[name])
		require.NoError(t, err)
		if *update {
			require.NoError(t, os.WriteFile(golden(name), []byte(rendered), 0o600))
		}
		assert.Equal(t, read(t, golden(name)), rendered, "LIVE=1 go test ./deploy/helm -update")
	}
}

func TestLint(t *testing.T) {
	helm4, helm3 := peers.Helm(t)
	for _, binary := range []string{helm4, helm3} {
		if binary == "" {
			continue
		}
		for name, values := range cases() {
			out, err := newHelm(t, binary).run(t, "lint", chart, "--strict", "--namespace", namespace, "--kube-version", kubeVersion, "--values", valuesFile(t, values))
			require.NoError(t, err, "%s: %s", name, out)
		}
	}
}

// TestBothHelmsRenderTheSame: also without what is new in Helm 4.
func TestBothHelmsRenderTheSame(t *testing.T) {
	helm4, helm3 := peers.Helm(t)
	if helm4 == "" {
		return
	}
	for name, values := range cases() {
		four, err := newHelm(t, helm4).template(t, values)
		require.NoError(t, err, name)
		three, err := newHelm(t, helm3).template(t, values)
		require.NoError(t, err, name)
		assert.ElementsMatch(t, objects(t, four), objects(t, three), name)
	}
}

// TestConfigurationIsGood: what the pod will find passes `packetboat check
// --strict`, and what was given as text is in there to the byte.
func TestConfigurationIsGood(t *testing.T) {
	t.Setenv("TOKEN", "secret")
	for _, name := range goldens() {
		assert.Empty(t, check(t, configuration(t, objects(t, read(t, golden(name))))), name)
	}
	h, there := latest(t)
	if !there {
		return
	}
	for name, text := range cases() {
		rendered, err := h.template(t, text)
		require.NoError(t, err, name)
		configuration := configuration(t, objects(t, rendered))
		if given, ok := values(t, text)["config"].(string); ok {
			assert.True(t, strings.HasPrefix(configuration, given), name)
		}
		if configuration != "" {
			assert.Empty(t, check(t, configuration), name)
		}
	}
}

func TestWhatTheChartRefuses(t *testing.T) {
	h, there := latest(t)
	if !there {
		return
	}
	for text, want := range refused() {
		_, err := h.template(t, text)
		require.ErrorContains(t, err, want, text)
	}
	for text, want := range wrongValues() {
		_, err := h.template(t, text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestTimesFitTogether(t *testing.T) {
	for _, name := range []string{"cronjob", "s3"} {
		job := one(t, objects(t, read(t, golden(name))), "CronJob")
		assert.Equal(t, "*/4 * * * *", job.at(t, "spec", "schedule"))
		assert.Equal(t, "Forbid", job.at(t, "spec", "concurrencyPolicy"))
		assert.Less(t, job.at(t, "spec", "startingDeadlineSeconds"), 240, "a run that is late must not meet the next one")
		assert.Contains(t, job.at(t, "spec", "jobTemplate", "spec", "template", "spec", "containers", 0, "args"), "--deadline=180s")
		assert.Equal(t, 235, job.at(t, "spec", "jobTemplate", "spec", "activeDeadlineSeconds"), "more than deadline and grace, less than the schedule")
		grace := job.at(t, "spec", "jobTemplate", "spec", "template", "spec", "terminationGracePeriodSeconds")
		assert.Greater(t, grace, 25, "more than --grace")
	}
}

// TestPodFailurePolicy: the exit codes are those of the README.
func TestPodFailurePolicy(t *testing.T) {
	job := one(t, objects(t, read(t, golden("cronjob"))), "CronJob")
	actions := map[any]any{}
	for _, rule := range job.at(t, "spec", "jobTemplate", "spec", "podFailurePolicy", "rules").([]any) {
		r := rule.(map[string]any)
		on, ok := r["onExitCodes"].(map[string]any)
		if !ok {
			assert.Equal(t, "Ignore", r["action"])
			continue
		}
		for _, code := range on["values"].([]any) {
			actions[code] = r["action"]
		}
	}
	assert.Equal(t, map[any]any{1: "Count", 2: "FailJob", 3: "FailJob"}, actions)
}

// TestPodsAreRestricted: they keep to the Pod Security Standard "restricted", and
// nothing of the pod is written to.
func TestPodsAreRestricted(t *testing.T) {
	for _, name := range goldens() {
		all := objects(t, read(t, golden(name)))
		for _, spec := range []object{pod(t, all), one(t, all, "Pod").at(t, "spec").(map[string]any)} {
			assert.Equal(t, true, spec.at(t, "securityContext", "runAsNonRoot"))
			assert.Equal(t, 65532, spec.at(t, "securityContext", "runAsUser"))
			assert.Equal(t, "RuntimeDefault", spec.at(t, "securityContext", "seccompProfile", "type"))
			container := object(spec.at(t, "containers", 0).(map[string]any))
			assert.Equal(t, false, container.at(t, "securityContext", "allowPrivilegeEscalation"))
			assert.Equal(t, true, container.at(t, "securityContext", "readOnlyRootFilesystem"))
			assert.Equal(t, []any{"ALL"}, container.at(t, "securityContext", "capabilities", "drop"))
		}
	}
}
