package app

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/entrypoints/app/secrets"
)

// places are fakes of all that keep secrets, with one canary in each.
type places struct {
	mu                      sync.Mutex
	aws, google, kubernetes string // the values that they give
	asked                   int
	url, kubeconfig, dir    string
	configMap               string // configmaps/config in namespace boats
}

// startPlaces names them in the environment.
func startPlaces(t *testing.T) *places {
	t.Helper()
	p := &places{aws: "canary-aws", google: "canary-google", kubernetes: "canary-kubernetes", dir: t.TempDir()}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "AKIA0000000000000001", "AWS_SECRET_ACCESS_KEY": "canary-key",
		"AWS_REGION": "us-east-1", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_CONFIG_FILE": p.dir + "/none",
		"AWS_SHARED_CREDENTIALS_FILE": p.dir + "/none", "TOKEN": "canary-variable",
	} {
		t.Setenv(name, value)
	}
	p.kubeconfig = filepath.Join(p.dir, "kubeconfig")
	p.write(t, "kubeconfig", `
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c}}]
clusters: [{name: c, cluster: {server: "`+server.URL+`"}}]
`)
	p.write(t, "token", "canary-file\n")
	return p
}

func (p *places) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600))
}

func (p *places) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *places) rotate(value string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.aws = value
}

func (p *places) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	w.Header().Set("Content-Type", "application/json")
	encode := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	object := func(value string) string { return `{"token":"` + value + `"}` }
	switch {
	case r.Header.Get("X-Amz-Target") == "secretsmanager.GetSecretValue":
		encode(map[string]any{"SecretString": object(p.aws)})
	case r.Header.Get("X-Amz-Target") == "AmazonSSM.GetParameter":
		encode(map[string]any{"Parameter": map[string]any{"Value": p.aws}})
	case strings.HasPrefix(r.URL.Path, "/v1/projects/"):
		encode(map[string]any{"payload": map[string]any{"data": []byte(p.google)}})
	case strings.HasPrefix(r.URL.Path, "/api/v1/namespaces/boats/secrets/"):
		encode(map[string]any{"kind": "Secret", "apiVersion": "v1", "data": map[string]any{"token": []byte(p.kubernetes)}})
	case r.URL.Path == "/api/v1/namespaces/boats/configmaps/config":
		encode(map[string]any{"kind": "ConfigMap", "apiVersion": "v1", "data": map[string]any{"config.yaml": p.configMap}})
	default: // a receiver, which refuses and repeats what it was sent
		w.WriteHeader(http.StatusUnauthorized)
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		fmt.Fprintf(w, "not you: %s %s %s %s %s", r.URL, user, password, r.Header, body)
	}
}

// everyPlace has a receiver for each.
const everyPlace = `
logLevel: trace
route: {match: [{receiver: file}, {receiver: variable}, {receiver: aws}, {receiver: ssm}, {receiver: google}, {receiver: kubernetes}, {receiver: url}, {receiver: header}]}
receivers:
- {name: file, webhook: {username: u, password: "file:@DIR@/token", endpoint: @URL@/a}}
- {name: variable, webhook: {username: u, password: "${TOKEN}", endpoint: @URL@/b}}
- {name: aws, webhook: {username: u, password: "awssm:prod/slack#token", endpoint: @URL@/c}}
- {name: ssm, webhook: {username: u, password: "ssm:/prod/slack", endpoint: @URL@/d}}
- {name: google, webhook: {username: u, password: "gcpsm:projects/my-1/secrets/slack/versions/latest", endpoint: @URL@/e}}
- {name: kubernetes, webhook: {username: u, password: "k8s:boats/slack#token", endpoint: @URL@/f}}
- {name: url, teams: {endpoint: "file:@DIR@/url"}}
- {name: header, webhook: {endpoint: "file:@DIR@/url", headers: {X-Api-Key: "ssm:/prod/slack", X-Kind: "{{ .Kind }}"}}}
delivery: {retry: {budget: 10ms}}
`

const oneEvent = `{"apiVersion":"v1","kind":"Event","metadata":{"name":"e","namespace":"default","uid":"u-1","resourceVersion":"7",` +
	`"creationTimestamp":"2026-11-23T10:00:00Z"},"involvedObject":{"kind":"Pod","name":"p","namespace":"default"},` +
	`"reason":"Started","message":"m","type":"Normal","lastTimestamp":"2026-11-23T10:00:00Z"}`

// options are for a configuration of its own, with the places that p stands for.
func (p *places) options(t *testing.T, text string, log io.Writer) Options {
	t.Helper()
	p.write(t, "url", p.url+"/canary-url\n")
	p.write(t, "config.yaml", strings.NewReplacer("@URL@", p.url, "@DIR@", p.dir).Replace(text))
	p.write(t, "events.json", oneEvent)
	o, err := Options{
		ConfigFile: p.dir + "/config.yaml", Kubeconfig: p.kubeconfig, Events: p.dir + "/events.json", Stdout: io.Discard, Stderr: log,
	}.located()
	require.NoError(t, err)
	o.outside.secrets = secrets.New(secrets.Options{SecretManager: p.url})
	return o
}

func TestNoSecretIsEverPrinted(t *testing.T) {
	p := startPlaces(t)
	var out strings.Builder
	o := p.options(t, everyPlace, &out)
	show := func(v any, err error) {
		raw, _ := json.Marshal(v) // what has functions in it is not for JSON
		fmt.Fprintf(&out, "%s\n%+v\n%v\n%+v\n", raw, v, err, err)
	}
	problems, err := Check(t.Context(), o)
	require.NoError(t, err)
	assert.Empty(t, problems)
	show(problems, err)
	assert.Zero(t, p.calls(), "check asks nobody")

	a, err := New(t.Context(), o)
	require.NoError(t, err)
	explained, err := a.Explain(t.Context())
	require.NoError(t, err)
	for e, err := range explained {
		show(e, err)
	}
	assert.Zero(t, p.calls(), "explain asks nobody")

	report, err := a.Run(t.Context(), RunOptions{})
	require.Error(t, err, "all receivers refuse")
	assert.Len(t, report.Receivers, 8)
	show(report, err)
	require.NoError(t, report.WriteText(&out))
	values := map[string]bool{}
	for _, v := range a.basis.values {
		values[v.Reveal()] = true
	}
	for _, canary := range []string{"canary-file", "canary-aws", "canary-google", "canary-kubernetes", p.url + "/canary-url"} {
		assert.True(t, values[canary], "%s was fetched, or this test sees nothing", canary)
	}
	show(a, nil)
	show(a.Config, nil)
	schema, err := Schema(true)
	show(string(schema), err)
	trial, err := a.Try(t.Context(), "aws")
	show(trial, err)

	// What is wrong with a value is said without it.
	o = p.options(t, strings.ReplaceAll(everyPlace, "#token", "#nothing"), &out)
	a, err = New(t.Context(), o)
	require.NoError(t, err)
	_, err = a.Run(t.Context(), RunOptions{})
	require.ErrorContains(t, err, `has no key "nothing"`)
	show(nil, err)
	o = p.options(t, strings.ReplaceAll(everyPlace, "file:@DIR@/token", "k8s:canary-form"), &out)
	_, err = New(t.Context(), o)
	require.ErrorContains(t, err, "no reference")
	show(nil, err)

	text := out.String()
	require.Contains(t, text, "not you", "the answers of the receivers are in it")
	assert.NotContains(t, text, "canary-")
	assert.NotContains(t, text, base64.StdEncoding.EncodeToString([]byte("u:canary-aws")))
}

func TestASecretThatIsNotThereIsSaidWithItsPlace(t *testing.T) {
	p := startPlaces(t)
	o := p.options(t, strings.ReplaceAll(everyPlace, "awssm:prod/slack#token", "awssm:prod/slack#key"), io.Discard)
	a, err := New(t.Context(), o)
	require.NoError(t, err)
	report, err := a.Run(t.Context(), RunOptions{})
	require.EqualError(t, err, o.ConfigFile+`:7:48: receivers[2].webhook.password: secret awssm:prod/slack#key: has no key "key"`)
	assert.Equal(t, ExitUsage, ExitCode(err))
	assert.Nil(t, report.Receivers, "nothing was opened")

	// Nothing is wrong with a configuration whose secret cannot be fetched for now.
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	a, err = New(t.Context(), p.options(t, everyPlace, io.Discard))
	require.NoError(t, err)
	_, err = a.Run(t.Context(), RunOptions{})
	require.ErrorContains(t, err, "receivers[2].webhook.password: secret awssm:prod/slack#token: ")
	assert.ErrorContains(t, err, "connection refused")
	assert.NotContains(t, err.Error(), "http:")
	assert.Equal(t, ExitOwed, ExitCode(err))
}

// Whoever looks at the checkpoint needs no receiver's secret.
func TestOnlyWhatIsNeededIsFetched(t *testing.T) {
	p := startPlaces(t)
	a, err := New(t.Context(), p.options(t, everyPlace+"checkpoint: {file: {path: @DIR@/checkpoint.json}}\n", io.Discard))
	require.NoError(t, err)
	_, err = a.Store(t.Context())
	require.NoError(t, err)
	assert.Zero(t, p.calls())
	assert.Empty(t, a.basis.values)
	require.NoError(t, a.resolve(t.Context(), "receivers"))
	assert.Len(t, a.basis.values, 8)
}

// Each takes an address as a secret, and looks at it when it is opened.
func TestAConfigurationWithReferencesIsCheckedWithoutThem(t *testing.T) {
	p := startPlaces(t)
	var receivers, names []string
	for i, sink := range []string{
		"slack: {webhookURL: REF}", "slack: {token: REF, channel: c}", "discord: {webhookURL: REF}", "mattermost: {webhookURL: REF}",
		"teams: {endpoint: REF}", "splunk: {url: REF, token: REF}", "loki: {url: REF, password: REF, username: u}", "logstash: {url: REF}",
		"logstash: {url: REF, username: u, password: REF}", "otlp: {endpoint: REF, headers: {a: REF}}", "otlp: {endpoint: REF, protocol: grpc}",
		"elasticsearch: {hosts: [REF], index: i, apiKey: REF}", "opensearch: {hosts: [REF], index: i, username: u, password: REF}",
		"webhook: {endpoint: REF, headers: {a: REF}, proxy: REF}", "teams: {endpoint: REF, headers: {a: REF}}", "loki: {url: REF, headers: {a: REF}}", "opsgenie: {apiKey: REF}", "jsm: {apiKey: REF}", "pagerduty: {routing_key: REF}",
		"redis: {addresses: ['a:1'], key: s, password: REF}", "nats: {servers: ['nats://a'], subject: s, token: REF}",
		"kafka: {brokers: ['a:1'], topic: t, sasl: {username: u, password: REF}}",
		"email: {host: h, from: a@b.c, to: [a@b.c], username: u, password: REF}",
		"sqs: {queueName: q, region: eu-west-1, accessKeyID: REF, secretAccessKey: REF}",
	} {
		name := fmt.Sprintf("r%d", i)
		names = append(names, "{receiver: "+name+"}")
		receivers = append(receivers, "- {name: "+name+", "+strings.ReplaceAll(sink, "REF", "'awssm:prod/x#y'")+"}\n")
	}
	o := p.options(t, "metrics: {pushgateway: {url: 'ssm:/url'}, otlp: {endpoint: 'ssm:/url', headers: {a: 'ssm:/b'}}}\n"+
		"cluster: {kubeconfig: 'k8s:a/b#c'}\ncheckpoint: {s3: {bucket: boats, key: k, accessKeyID: 'ssm:/a', secretAccessKey: 'ssm:/b'}}\n"+
		"route: {match: ["+strings.Join(names, ", ")+"]}\nreceivers:\n"+strings.Join(receivers, ""), io.Discard)
	o.Strict = true
	problems, err := Check(t.Context(), o)
	for _, problem := range problems {
		assert.NotEqual(t, "error", string(problem.Severity), problem.String())
	}
	require.NoError(t, err)
	assert.Zero(t, p.calls())
}

func TestTheExamplesOfTheReadmeAreGood(t *testing.T) {
	p := startPlaces(t)
	readme, err := os.ReadFile("secrets/README.md")
	require.NoError(t, err)
	blocks := strings.Split(string(readme), "```yaml\n")[1:]
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		text, _, _ := strings.Cut(block, "```")
		o := p.options(t, text, io.Discard)
		o.Strict = true
		problems, err := Check(t.Context(), o)
		require.NoError(t, err)
		assert.Empty(t, problems)
	}
}

func TestRightsAreFoundWithoutAskingAnybody(t *testing.T) {
	p := startPlaces(t)
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	configured := "omitLookup: true\ncheckpoint: {s3: {bucket: boats, key: k, accessKeyID: 'ssm:/a', secretAccessKey: 'k8s:a/b#c'}}\n" + simple
	o := p.options(t, configured, io.Discard)
	o.Checkpoint = ""
	r := RBACOptions{Mode: ModeRun, ServiceAccount: "boat"}
	_, _, err := RBAC(t.Context(), o, r)
	require.NoError(t, err)
	assert.Zero(t, p.calls())

	// A configuration in a ConfigMap is to be read, and nothing else there.
	p.configMap = configured
	o.ConfigFile, o.outside = "configmap:boats/config#config.yaml", nil
	manifest, _, err := RBAC(t.Context(), o, r)
	require.NoError(t, err)
	assert.Contains(t, string(manifest), `  # the configuration
  - apiGroups: [""]
    resources: [configmaps]
    resourceNames: [config]
    verbs: [get]`)
}
