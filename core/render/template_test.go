package render

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

func compiled(t testing.TB, text string) func(*event.Event) (string, error) {
	t.Helper()
	f, err := NewCompiler().Template(sinks.Template{Text: text})
	require.NoError(t, err, text)
	return f
}

func refusal(t *testing.T, text string) string {
	t.Helper()
	_, err := NewCompiler().Template(sinks.Template{Text: text, Position: sinks.Position{Line: 7, Column: 3}})
	require.Error(t, err, text)
	return err.Error()
}

func TestTemplatesOfUserConfigs(t *testing.T) {
	for text, want := range map[string]string{
		"plain $x }} text": "plain $x }} text",
		"{{ .Message }}":   "Back-off restarting failed container",
		"{{ .InvolvedObject.Kind }}/{{ .InvolvedObject.Name }}":                            "Pod/sample",
		"{{ .ClusterName }} {{ .Event.Reason }} {{ .UID }}":                                "sample BackOff 00000000-0000-4000-8000-000000000002",
		"{{ .Namespace }}{{ .Name }}{{ .GetName }}{{ .GetNamespace }}":                     "defaultsample.17f0c1d2e3a4b5c6sample.17f0c1d2e3a4b5c6default",
		"{{ $x := .Reason }}{{ $x | upper | quote }}":                                      `"BACKOFF"`,
		"{{ mul .GetTimestampMs 1000000 }}":                                                "1767323105678000000",
		"{{ .GetTimestampISO8601 }}":                                                       "2026-01-02T03:05:05.678Z",
		"{{ .LastTimestamp }}":                                                             "2026-01-02 03:05:05.678 +0000 UTC",
		"{{ .LastTimestamp.Unix }} {{ .FirstTimestamp.IsZero }}":                           "1767323105 false",
		"{{ .EventTime.Time }}":                                                            "2026-01-02 03:04:05.678 +0000 UTC",
		`{{ .LastTimestamp.Format "2006" }}`:                                               "2026",
		"{{ toJson .InvolvedObject.Labels }}":                                              `{"app":"sample"}`,
		`{{ index .InvolvedObject.Labels "app" }}`:                                         "sample",
		"{{ with .InvolvedObject }}{{ .Name }}{{ $.Reason }}{{ end }}":                     "sampleBackOff",
		"{{ range $k, $v := .InvolvedObject.Labels }}{{ $k }}={{ $v }};{{ end }}":          "app=sample;",
		"{{ .DeDot.InvolvedObject.Labels.app }}":                                           "sample",
		"{{ with .Series }}{{ .Count }}{{ end }} {{ .Count }}":                             "3 3",
		"{{ define \"x\" }}<{{ .Reason }}>{{ end }}{{ template \"x\" . }}":                 "<BackOff>",
		"{{ (index .InvolvedObject.OwnerReferences 0).Kind }}":                             "ReplicaSet",
		"{{ range until 3 }}{{ . }}{{ end }}{{ seq 1 3 }} {{ seq 3 -2 -1 }}":               "0121 2 3 3 1 -1",
		"{{ range untilStep 6 0 -2 }}{{ . }}{{ end }}{{ range until -2 }}{{ . }}{{ end }}": "6420-1",
		"{{ seq 3 }}|{{ seq -1 }}|{{ repeat 2 \"ab\" }}|{{ indent 2 \"a\" }}":              "1 2 3|1 0 -1|abab|  a",
		"{{ if eq .Type \"Warning\" }}{{- .Reason -}}{{ else }}no{{ end }}":                "BackOff",
		"{{ .InvolvedObject.GroupVersionKind.Kind }}":                                      "Pod",
		"{{ .ID }} {{ .Component }} {{ .Host }} {{ .Occurrences }}":                        "00000000-0000-4000-8000-000000000002.42 kubelet node-1 3",
	} {
		got, err := compiled(t, text)(event.Sample())
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	got, err := compiled(t, "{{ toPrettyJson . }}")(event.Sample())
	require.NoError(t, err)
	assert.JSONEq(t, string(event.Sample().ToJSON()), got)
	got, err = compiled(t, `{{ now | date "2006" }}`)(event.Sample())
	require.NoError(t, err)
	assert.Len(t, got, 4)
}

func TestMissingLabelIsEmpty_DC12(t *testing.T) {
	ev := event.Sample()
	for _, labels := range []map[string]string{nil, {"other": "x"}} {
		ev.InvolvedObject.Labels = labels
		for text, want := range map[string]string{
			"@{{ .InvolvedObject.Labels.app }}":                                      "@",
			`@{{ index .InvolvedObject.Labels "app" }}`:                              "@",
			`@{{ default "x" .InvolvedObject.Labels.app }}`:                          "@x",
			`@{{ .InvolvedObject.Labels.app | default "x" }}`:                        "@x",
			`@{{ (fromJson "{}").app }}`:                                             "@",
			`@{{ with fromJson "{}" }}{{ .app }}{{ end }}`:                           "@",
			`@{{ $d := fromJson "{}" }}{{ $d.app }}`:                                 "@",
			`@{{ (dict "a" nil).a }}`:                                                "@",
			`@{{ define "x" }}{{ .app }}{{ end }}{{ template "x" (fromJson "{}") }}`: "@",
			`@{{ with .InvolvedObject.Labels.app }}never{{ end }}`:                   "@",
		} {
			got, err := compiled(t, text)(ev)
			require.NoError(t, err, text)
			assert.Equal(t, want, got, text)
		}
	}
}

func TestTemplateErrorsSayWhereAndWhatInstead_DC11(t *testing.T) {
	for text, want := range map[string]string{
		"a {{ .clusterName }}":       "line 7, column 8: template: field .clusterName does not exist: did you mean .ClusterName?",
		"{{ .Metadata.name }}":       "line 7, column 7: template: field .Metadata does not exist: did you mean .ObjectMeta?",
		"{{ .InvolvedObject.name }}": "line 7, column 22: template: field .name does not exist: did you mean .Name?",
		"{{ .reportingComponent }}":  "line 7, column 7: template: field .reportingComponent does not exist: did you mean .ReportingController?",
		"{{ .Mesage | upper }}":      "line 7, column 7: template: field .Mesage does not exist: did you mean .Message?",
		"{{ .Zzz }}": "line 7, column 7: template: field .Zzz does not exist: the fields of an event begin with a capital letter, " +
			"such as .Reason, .Message, .Namespace and .InvolvedObject.Name",
		"{{ .Source.Zzz }}":   "line 7, column 14: template: field .Zzz does not exist: there are .Component, .Host",
		"{{ .Reason.Short }}": "line 7, column 14: template: field .Short does not exist: what stands before it is a string",
		`a {{ if eq .Type "Normal" }}{{ .clusterName }}{{ end }}`: "line 7, column 34: template: field .clusterName does not exist: did you mean .ClusterName?",
		"{{ with .InvolvedObject }}{{ $.reason }}{{ .Nme }}{{ end }}": "line 7, column 34: template: field .reason does not exist: did you mean .Reason?\n" +
			"line 7, column 47: template: field .Nme does not exist: did you mean .Name?",
		"a {{ uper .Reason }}": `line 7, column 8: template function "uper" does not exist: did you mean "upper"?`,
		"a {{ Reason }}": `line 7, column 8: template function "Reason" does not exist: ` +
			"there are those of Go's text/template and of sprig, and a field begins with a dot",
		"a {{ .Reason }":                         "line 7, column 3: template: unexpected \"}\" in operand",
		"a\nb\n{{ if .Reason }}":                 "line 10: template: unexpected EOF",
		"a\nb\n{{ .clusterName }}":               "line 10: template: field .clusterName does not exist: did you mean .ClusterName?",
		"a {{ index .OwnerReferences 3 }}":       "line 7, column 8: template: error calling index: index out of range: 3",
		"a\n  {{ atoi .Reason | mul 2 | fail }}": "line 9: template: wrong type for value; expected string; got int64",
		"{{ .SetName \"x\" }}":                   "line 7, column 7: template: field .SetName does not exist: did you mean .GetName?",
		"{{ .Event.Unmarshal nil }}":             "line 7, column 13: template: field .Unmarshal does not exist",
		"{{ template \"none\" }}":                "line 7, column 16: template: template \"none\" not defined",
	} {
		got := refusal(t, text)
		assert.True(t, strings.HasPrefix(got, want), "%s\n got %s\nwant %s", text, got, want)
	}
}

func TestErrorsDoNotQuoteTheTemplate(t *testing.T) {
	for _, text := range []string{
		`Bearer s3cr3t {{ index "a>: s3cr3t" 99 }}`, `s3cr3t {{ .Mesage }}`, `s3cr3t {{ fail "x" }}`,
	} {
		assert.NotContains(t, refusal(t, text), "s3cr3t", text)
	}
}

func TestPositionInTheFile(t *testing.T) {
	file := `layout:
  plain: a {{ .onee }}
  double: "a \"b\" é {{ .twoo }}"
  single: 'it''s {{ .threee }}'
  tagged: !json "{{ .fourr }}"
  anchor: &here '{{ .fivee }}'
  list:
    - x: {y: "{{ .sixx }}"}
  literal: |-
    first

      {{ .qqseven }}
  folded: >
    {{ .eightt }}
    more
`
	var doc struct {
		Layout sinks.Layout `yaml:"layout"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(file), &doc))
	_, err := NewCompiler().Payload(sinks.Payload{Layout: doc.Layout})
	require.Error(t, err)
	got := slices.Sorted(strings.Lines(err.Error() + "\n"))
	var want []string
	line := 0
	for text := range strings.Lines(file) {
		line++
		before, after, found := strings.Cut(text, " .")
		if !found {
			continue
		}
		field := strings.Fields(after)[0]
		place := fmt.Sprintf("line %d, column %d", line, utf8.RuneCountInString(before)+2)
		if line > 9 { // in a block
			place = fmt.Sprintf("line %d", line)
		}
		want = append(want, place+": template: field ."+field+" does not exist: the fields of an event begin with a capital letter, "+
			"such as .Reason, .Message, .Namespace and .InvolvedObject.Name\n")
	}
	slices.Sort(want)
	require.Len(t, want, 8)
	assert.Equal(t, want, got)
}

func TestDangerousFunctionsAreRefused_DC15(t *testing.T) {
	for text, want := range map[string]string{
		`{{ getHostByName "x" }}`:   `line 7, column 7: template function "getHostByName" is not available: it asks the network for every event; write the address itself`,
		`{{ expandenv "$HOME" }}`:   `line 7, column 7: template function "expandenv" is not available: it can read any variable; use env "NAME", or ${NAME} in the configuration`,
		`{{ genPrivateKey "rsa" }}`: `line 7, column 7: template function "genPrivateKey" is not available: a payload is no place to make keys: it would be another one at each attempt`,
		`{{ env "AWS_SECRET_ACCESS_KEY" }}`: `line 7, column 7: env "AWS_SECRET_ACCESS_KEY" reads what looks like a credential, ` +
			`and a template's result is sent away: write ${AWS_SECRET_ACCESS_KEY} in the receiver's own field for it instead`,
		`{{ if false }}{{ env "TOKEN" }}{{ end }}`: `line 7, column 21: env "TOKEN" reads`,
		`{{ "my_token" | env }}`:                   `line 7, column 20: template: error calling env: env "my_token" reads`,
		`{{ print "PASS" "WORD" | env }}`:          `line 7, column 29: template: error calling env: env "PASSWORD" reads`,
	} {
		got := refusal(t, text)
		assert.True(t, strings.HasPrefix(got, want), "%s\n got %s\nwant %s", text, got, want)
	}
	for name := range refused() {
		assert.NotContains(t, functions(), name)
	}
}

func TestEnv(t *testing.T) {
	t.Setenv("CLUSTER_REGION", "eu")
	got, err := compiled(t, `{{ env "CLUSTER_REGION" }}{{ env "NOT_SET_AT_ALL" }}`)(event.Sample())
	require.NoError(t, err)
	assert.Equal(t, "eu", got)
	for name, want := range map[string]bool{
		"AWS_SECRET_ACCESS_KEY": true, "AWS_ACCESS_KEY_ID": true, "GITHUB_TOKEN": true, "db_password": true, "API_KEY": true,
		"APIKEY": true, "DB_PASS": true, "GOOGLE_APPLICATION_CREDENTIALS": true, "SSH_KEY": true,
		"HOSTNAME": false, "NODE_NAME": false, "KEYBOARD": false, "MONKEY": false, "COMPASS": false, "AWS_REGION": false,
	} {
		assert.Equal(t, want, isCredential(name), name)
	}
}

func TestOutputIsBounded(t *testing.T) {
	for _, text := range []string{
		`{{ repeat 2000000000 "xxxx" }}`, `{{ until 2000000000 }}`, `{{ untilStep 0 2000000000 1 }}`, `{{ seq 1 2000000000 }}`,
		`{{ indent 2000000000 "x" }}`, `{{ nindent 2000000000 "x" }}`, `{{ randAlphaNum 2000000000 }}`, `{{ randBytes 2000000000 }}`,
		`{{ repeat -1 "x" }}`, `{{ range until 10000 }}{{ repeat 1000 "x" }}{{ end }}`,
	} {
		assert.Contains(t, refusal(t, text), "larger than", text)
	}
	big := event.Sample()
	big.Message = strings.Repeat("x", maxOutput/2)
	_, err := compiled(t, "{{ .Message }}{{ .Message }}")(big)
	assert.NoError(t, err)
	_, err = compiled(t, "{{ .Message }}{{ .Message }}!")(big)
	assert.ErrorIs(t, err, errTooLarge)
}

func TestWarnings(t *testing.T) {
	c := NewCompiler()
	at := sinks.Position{Line: 2, Column: 1}
	for _, text := range []string{"x {{ .Series.Count }}", "{{ uuidv4 }}", "{{ .Reason }}", "{{ with .Series }}{{ .Count }}{{ end }}"} {
		_, err := c.Template(sinks.Template{Text: text, Position: at})
		require.NoError(t, err)
	}
	warnings := c.Warnings()
	require.Len(t, warnings, 2)
	assert.ErrorContains(t, warnings[0], "nil pointer evaluating *v1.EventSeries.Count (on an event without .Series and .Related")
	assert.EqualError(t, warnings[1],
		`line 2, column 5: template function "uuidv4" gives another result each time: if an event is sent twice, the two differ`)
	for _, w := range warnings {
		var located *sinks.PositionError
		require.ErrorAs(t, w, &located)
		assert.Equal(t, 2, located.Position.Line)
	}
}

func TestConcurrently(t *testing.T) {
	c := NewCompiler()
	text, err := c.Template(sinks.Template{Text: "{{ .Reason | upper }} {{ .Message }}"})
	require.NoError(t, err)
	payload, err := c.Payload(sinks.Payload{DeDot: true, Layout: layoutOf(t, "a: '{{ .Reason | upper }}'\nb: !json '{{ toJson . }}'")})
	require.NoError(t, err)
	ev := event.Sample()
	wantText, err := text(ev)
	require.NoError(t, err)
	wantBody, err := payload(ev)
	require.NoError(t, err)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				gotText, err := text(ev)
				assert.NoError(t, err)
				assert.Equal(t, wantText, gotText)
				gotBody, err := payload(ev)
				assert.NoError(t, err)
				assert.Equal(t, string(wantBody), string(gotBody))
				_, err = c.Template(sinks.Template{Text: "{{ .Reason | lower }}"})
				assert.NoError(t, err)
			}
		})
	}
	group.Wait()
}
