package metrics

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// ofTheTarget are labels that Prometheus puts to whatever it scrapes.
var ofTheTarget = []string{"job", "instance", "namespace", "pod"}

var (
	texts     = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	selectors = regexp.MustCompile(`\b(packetboat_[a-z0-9_]+)\b(?:\{([^}]*)\})?`)
	matchers  = regexp.MustCompile(`([a-zA-Z_]+)\s*(?:=~|!~|!=|=)`)
	groupings = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	words     = regexp.MustCompile(`[a-zA-Z_]+`)
)

// checkQuery finds metrics that packetboat does not have, and labels that they do
// not have. It returns the labels that the result may have.
func checkQuery(t *testing.T, query string) []string {
	t.Helper()
	bare := texts.ReplaceAllString(query, `""`)
	labels := slices.Clone(ofTheTarget)
	for _, s := range selectors.FindAllStringSubmatch(bare, -1) {
		own := labelsOf(t, s[1])
		for _, m := range matchers.FindAllStringSubmatch(s[2], -1) {
			assert.Contains(t, slices.Concat(own, ofTheTarget), m[1], "label in %s", query)
		}
		labels = append(labels, own...)
	}
	for _, g := range groupings.FindAllStringSubmatch(bare, -1) {
		for _, l := range words.FindAllString(g[1], -1) {
			assert.Contains(t, labels, l, "label in %s", query)
		}
	}
	for _, pair := range []string{"()", "{}", "[]"} {
		assert.Equal(t, strings.Count(bare, pair[:1]), strings.Count(bare, pair[1:]), "%s in %s", pair, query)
	}
	return labels
}

func labelsOf(t *testing.T, name string) []string {
	t.Helper()
	for _, m := range full().Table() {
		base, part, _ := strings.Cut(name, m.Name)
		if base != "" {
			continue
		}
		switch {
		case part == "" && m.Type != Histogram:
			return m.Labels
		case m.Type == Histogram && part == "_bucket":
			return append(slices.Clone(m.Labels), "le")
		case m.Type == Histogram && (part == "_sum" || part == "_count"):
			return m.Labels
		}
	}
	assert.Fail(t, "packetboat has no such metric", name)
	return nil
}

func TestTheCheckFindsWhatIsWrong(t *testing.T) {
	for _, query := range []string{
		"packetboat_receiver_upp == 0", `packetboat_receiver_up{reciever="x"}`, "sum by (mode) (packetboat_receiver_up)",
		"packetboat_run_duration_seconds > 1", "sum(packetboat_receiver_up",
	} {
		probe := &testing.T{}
		checkQuery(probe, query)
		assert.True(t, probe.Failed(), query)
	}
}

type ruleFile struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	} `yaml:"groups"`
}

type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func TestAlertRules(t *testing.T) {
	files, err := filepath.Glob("../../deploy/prometheus/*.yaml")
	require.NoError(t, err)
	require.Len(t, files, 2)
	named := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		decoder := yaml.NewDecoder(bytes.NewReader(text))
		decoder.KnownFields(true)
		var file ruleFile
		require.NoError(t, decoder.Decode(&file), name)
		for _, g := range file.Groups {
			require.NotEmpty(t, g.Rules, g.Name)
			for _, r := range g.Rules {
				assert.False(t, named[r.Alert], "%s is there twice", r.Alert)
				named[r.Alert] = true
				checkRule(t, r)
			}
		}
	}
}

func checkRule(t *testing.T, r rule) {
	t.Helper()
	assert.Regexp(t, `^Packetboat[A-Za-z]+$`, r.Alert)
	assert.Contains(t, []string{"warning", "critical"}, r.Labels["severity"], r.Alert)
	assert.Contains(t, r.Expr, "packetboat_", r.Alert)
	if r.For != "" {
		_, err := model.ParseDuration(r.For)
		assert.NoError(t, err, r.Alert)
	}
	labels := map[string]string{}
	for _, l := range checkQuery(t, r.Expr) {
		labels[l] = "x"
	}
	assert.NotEmpty(t, r.Annotations["summary"], r.Alert)
	assert.NotEmpty(t, r.Annotations["description"], r.Alert)
	for key, text := range r.Annotations {
		parsed, err := template.New(r.Alert).Option("missingkey=error").
			Funcs(template.FuncMap{"humanizeDuration": func(float64) string { return "" }}).
			Parse("{{ $labels := .Labels }}{{ $value := .Value }}" + text)
		if assert.NoError(t, err, r.Alert+" "+key) {
			assert.NoError(t, parsed.Execute(io.Discard, map[string]any{"Labels": labels, "Value": 1.0}), r.Alert)
		}
	}
}

type dashboard struct {
	Title      string
	Templating struct {
		List []struct{ Name, Definition string }
	}
	Panels []struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ Expr, LegendFormat string }
	}
}

func TestDashboards(t *testing.T) {
	files, err := filepath.Glob("../../deploy/grafana/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		var d dashboard
		require.NoError(t, json.Unmarshal(text, &d), name)
		variables := []string{"__rate_interval", "__range"}
		for _, v := range d.Templating.List {
			variables = append(variables, v.Name)
			checkQuery(t, strings.TrimSuffix(strings.TrimPrefix(v.Definition, "label_values("), ")"))
		}
		ids := map[int]bool{}
		for _, p := range d.Panels {
			assert.False(t, ids[p.ID], "panel %d is there twice", p.ID)
			ids[p.ID] = true
			assert.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
			assert.Equal(t, p.Type == "row", len(p.Targets) == 0, p.Title)
			for _, target := range p.Targets {
				labels := checkQuery(t, target.Expr)
				for _, l := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(target.LegendFormat, -1) {
					assert.Contains(t, labels, l[1], p.Title)
				}
				for _, v := range regexp.MustCompile(`\$(\w+)`).FindAllStringSubmatch(target.Expr, -1) {
					assert.Contains(t, variables, v[1], p.Title)
				}
			}
		}
	}
}

// A metric that nobody looks at is a question: is it left out of the dashboard
// and the rules on purpose?
func TestEveryMetricIsShownOrKnownNotToBe(t *testing.T) {
	var shown strings.Builder
	for _, pattern := range []string{"../../deploy/grafana/*.json", "../../deploy/prometheus/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, name := range files {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			shown.Write(text)
		}
	}
	var missing []string
	for _, name := range ourNames(full()) {
		if !regexp.MustCompile(`\b` + name + `(_bucket|_sum|_count)?\b`).MatchString(shown.String()) {
			missing = append(missing, name)
		}
	}
	assert.ElementsMatch(t, []string{
		"packetboat_receiver_events_refused_total", // dead letters and lost together
		"packetboat_runs_total",                    // of one-shot runs, which end with a Report
		"packetboat_run_duration_seconds",
		"packetboat_config_reloads_total",
		"packetboat_config_last_reload_success_timestamp_seconds",
	}, missing)
}
