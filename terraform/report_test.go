package terraform_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/entrypoints/app"
)

const reportConfig = `
cluster: {eks: {name: production}}
route: {routes: [{match: [{receiver: on-call}]}]}
receivers:
- {name: on-call, webhook: {endpoint: "https://hook.example.com"}}
`

// TestAlarmsAndRights runs the function against a real API server with exactly the
// rights that rbac_script prints, and reads what it logs as CloudWatch does.
func TestAlarmsAndRights(t *testing.T) {
	w := terraform(t)
	cluster := localtest.Start(t, local.Options{})
	checkpoint := "file:" + filepath.Join(t.TempDir(), "checkpoint.json") // the marker is named after it
	t.Setenv(app.EnvCheckpoint, checkpoint)
	applyRBAC(t, cluster, runScript(t, w.rbacScript(t, reportConfig, map[string]string{app.EnvCheckpoint: checkpoint})))
	filters := patterns(t, w.local(t, "aws-lambda", "filters", reportConfig))
	localtest.WriteEvents(t, cluster, "shop", 3)

	status := http.StatusServiceUnavailable
	hook := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		rw.WriteHeader(status)
	}))
	defer hook.Close()
	function := functionFor(t, cluster, hook.URL)

	failed := function(t)
	assert.Equal(t, map[string]float64{"owed-on-call": 3, "lost-on-call": 0, "deadLettered-on-call": 0}, filters.match(t, failed), "a run that failed: %s", failed)

	status = http.StatusOK
	ended := function(t)
	assert.Equal(t, map[string]float64{"caught-up": 1, "owed-on-call": 0, "lost-on-call": 0, "deadLettered-on-call": 0}, filters.match(t, ended), "a run that ended: %s", ended)

	notice := source.Notice{From: "1", To: "2", Reason: "expired"}
	for name, change := range map[string]func(report map[string]any){
		"gap":   func(report map[string]any) { report["gap"] = notice },
		"reset": func(report map[string]any) { report["reset"] = notice },
	} {
		assert.Contains(t, filters.match(t, changed(t, ended, change)), name)
	}
	for name, change := range map[string]func(report map[string]any){
		"a dry run":                func(report map[string]any) { report["dryRun"] = true },
		"another run is at work":   func(report map[string]any) { report["caughtUp"], report["leaseHeldBy"] = false, "lambda" },
		"the time was over before": func(report map[string]any) { report["caughtUp"] = false },
	} {
		assert.NotContains(t, filters.match(t, changed(t, ended, change)), "caught-up", name)
	}
}

// functionFor gives runs of the function, each with its line of the log.
func functionFor(t *testing.T, cluster *local.Cluster, hook string) func(*testing.T) string {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
delivery: {retry: {budget: 100ms, initial: 10ms}}
route: {routes: [{match: [{receiver: on-call}]}]}
receivers: [{name: on-call, webhook: {endpoint: %q}}]
`, hook), 0o600))
	t.Setenv(app.EnvConfig, config)
	t.Setenv(app.EnvKubeconfig, cluster.Kubeconfig(local.Packetboat))
	return func(t *testing.T) string {
		t.Helper()
		var log bytes.Buffer
		_, _ = app.NewFunction(app.FunctionOptions{LogFormat: app.LogJSON, Stderr: &log}).Invoke(t.Context(), nil)
		require.NotContains(t, log.String(), "kube-system", "the rights are enough")
		require.NotContains(t, log.String(), "marker", "the rights are enough")
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		return lines[len(lines)-1]
	}
}

func changed(t *testing.T, line string, change func(report map[string]any)) string {
	t.Helper()
	var entry map[string]any
	require.NoError(t, json.Unmarshal([]byte(line), &entry))
	change(entry["report"].(map[string]any))
	out, err := json.Marshal(entry)
	require.NoError(t, err)
	return string(out)
}

// local gives a local value of a module, as JSON, for a configuration.
func (w workspace) local(t *testing.T, module, name, config string, variables ...string) string {
	t.Helper()
	w.variables = slices.Concat(variables, []string{"TF_VAR_config=" + config, `TF_VAR_package={s3_bucket = "builds", s3_key = "x.zip"}`, "TF_VAR_bucket_name=packetboat", "TF_VAR_project=acme", "TF_VAR_region=europe-west1"})
	out := strings.TrimSpace(w.initialised(t, module).run(t, module, "jsonencode(local."+name+")\n", "console"))
	var text string
	require.NoError(t, json.Unmarshal([]byte(out[strings.LastIndex(out, "\n")+1:]), &text), out)
	return text
}

// metricFilters are CloudWatch's, by name.
type metricFilters map[string]struct{ Metric, Value, Pattern string }

func patterns(t *testing.T, text string) metricFilters {
	t.Helper()
	var out metricFilters
	require.NoError(t, json.Unmarshal([]byte(text), &out))
	return out
}

// match gives the values that a line of the log makes.
func (f metricFilters) match(t *testing.T, line string) map[string]float64 {
	t.Helper()
	var entry map[string]any
	require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
	out := map[string]float64{}
	for name, filter := range f {
		inner := regexp.MustCompile(`^\{ (.*) \}$`).FindStringSubmatch(filter.Pattern)
		require.NotNil(t, inner, "want { ... }: %s", filter.Pattern)
		all := true
		for term := range strings.SplitSeq(inner[1], " && ") {
			all = matches(t, entry, strings.Trim(term, "()")) && all
		}
		if !all {
			continue
		}
		out[name] = 1
		if field, ok := strings.CutPrefix(filter.Value, "$."); ok {
			out[name] = selected(entry, field).(float64)
		}
	}
	return out
}

// matches is one term of a pattern, as far as the module's patterns go:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
func matches(t *testing.T, entry map[string]any, term string) bool {
	t.Helper()
	parts := regexp.MustCompile(`^\$\.([A-Za-z0-9_.-]+) (= "(.*)"|>= 0|IS TRUE|NOT EXISTS)$`).FindStringSubmatch(term)
	require.NotNil(t, parts, "a term that the documentation does not have: %s", term)
	value := selected(entry, parts[1])
	switch {
	case parts[2] == "IS TRUE":
		return value == true
	case parts[2] == "NOT EXISTS":
		return value == nil
	case parts[2] == ">= 0":
		number, is := value.(float64)
		return is && number >= 0
	case parts[3] == "*":
		text, is := value.(string)
		return is && text != ""
	}
	return value == parts[3]
}

func selected(entry map[string]any, field string) any {
	var value any = entry
	for name := range strings.SplitSeq(field, ".") {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}

// Google's filters cannot be evaluated here. What can be known is that they speak of
// fields that a Report has.
func TestGoogleFiltersNameFieldsOfTheReport(t *testing.T) {
	const line = `{"message": "", "report": {"caughtUp": true, "dryRun": true, "gap": {"reason": ""}, "reset": {"reason": ""},
		"receivers": {"on-call": {"owed": 0, "lost": 0, "deadLettered": 0}}}}`
	var entry map[string]any
	require.NoError(t, json.Unmarshal([]byte(line), &entry))
	var filters map[string]string
	require.NoError(t, json.Unmarshal([]byte(terraform(t).local(t, "gcp-cloud-function", "filters", reportConfig)), &filters))
	require.Len(t, filters, 7)
	for name, filter := range filters {
		fields := regexp.MustCompile(`jsonPayload\.([A-Za-z0-9_."-]+)`).FindAllStringSubmatch(filter, -1)
		require.NotEmpty(t, fields, name)
		for _, field := range fields {
			assert.NotNil(t, selected(entry, strings.ReplaceAll(field[1], `"`, "")), "%s: %s", name, field[1])
		}
	}
}
