package cluster_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"k8s.io/client-go/tools/clientcmd"
	verifier "sigs.k8s.io/aws-iam-authenticator/pkg/token"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/entrypoints/app"
)

// runConfig names, to a child of the test, the configuration that it runs: each
// run has an environment of its own, and roots of its own to trust.
const runConfig = "PACKETBOAT_TEST_RUN"

func TestMain(m *testing.M) {
	if file := os.Getenv(runConfig); file != "" {
		os.Exit(runOnce(file))
	}
	os.Exit(m.Run())
}

func runOnce(file string) int {
	a, err := app.New(context.Background(), app.Options{ConfigFile: file, Stdout: os.Stdout, Stderr: os.Stderr})
	if err == nil {
		_, err = a.Run(context.Background(), app.RunOptions{})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
	}
	return app.ExitCode(err)
}

// withoutClouds keeps the environment of whoever runs the tests out of them.
func withoutClouds(t *testing.T) {
	t.Helper()
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "GOOGLE_") || name == "KUBECONFIG" {
			t.Setenv(name, "")
		}
	}
	nothing := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", nothing)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", nothing)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// world is a cluster that knows tokens of EKS, by the verifier that EKS uses, and
// of Google, and lets the group of both read events and nothing else.
type world struct {
	*local.Cluster
	sts *sts
	ca  []byte

	mu     sync.Mutex
	google map[string]bool // tokens that are good
	asked  []string        // what the webhook answered: user names, "" for nobody
}

const googleUser = "packetboat@p.iam.gserviceaccount.com"

func newWorld(t *testing.T) *world {
	t.Helper()
	withoutClouds(t)
	w := &world{sts: newSTS(), google: map[string]bool{}}
	internet := http.DefaultTransport
	http.DefaultTransport = w.sts // the verifier takes no other network
	t.Cleanup(func() { http.DefaultTransport = internet })

	webhook := httptest.NewServer(http.HandlerFunc(w.review))
	t.Cleanup(webhook.Close)
	file := filepath.Join(t.TempDir(), "webhook")
	require.NoError(t, os.WriteFile(file, []byte(`{"apiVersion": "v1", "kind": "Config", "current-context": "w",
"contexts": [{"name": "w", "context": {"cluster": "w", "user": "w"}}], "users": [{"name": "w", "user": {}}],
"clusters": [{"name": "w", "cluster": {"server": "`+webhook.URL+`"}}]}`), 0o600))
	w.Cluster = localtest.Start(t, local.Options{TokenWebhook: file})
	admin, err := clientcmd.LoadFromFile(w.Kubeconfig(local.Admin))
	require.NoError(t, err)
	for _, c := range admin.Clusters {
		w.ca = c.CertificateAuthorityData
	}
	w.grant(t)
	return w
}

// review is what the API server asks about a token (TokenReview).
func (w *world) review(out http.ResponseWriter, r *http.Request) {
	var review struct {
		APIVersion string            `json:"apiVersion"`
		Kind       string            `json:"kind"`
		Spec       map[string]string `json:"spec,omitempty"`
		Status     map[string]any    `json:"status"`
	}
	_ = json.NewDecoder(r.Body).Decode(&review)
	user := w.userOf(review.Spec["token"])
	w.mu.Lock()
	w.asked = append(w.asked, user)
	w.mu.Unlock()
	review.Spec, review.Status = nil, map[string]any{"authenticated": user != ""}
	switch user {
	case "":
	case googleUser:
		review.Status["user"] = map[string]any{"username": user}
	default:
		review.Status["user"] = map[string]any{"username": user, "groups": []string{"packetboat-events"}}
	}
	out.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(out).Encode(review)
}

// userOf knows one role by its access entry, and one Google identity.
func (w *world) userOf(token string) string {
	if who, err := verifier.NewVerifier("prod", "aws", "eu-central-1").Verify(token); err == nil && who.CanonicalARN == roleARN {
		return who.CanonicalARN
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.google[token] {
		return googleUser
	}
	return ""
}

// grant applies what the README says, and lets a user of the local cluster do the same.
func (w *world) grant(t *testing.T) {
	t.Helper()
	const api = "/apis/rbac.authorization.k8s.io/v1/"
	var manifests string
	for _, block := range blocks(t, "yaml") {
		if strings.Contains(block, "ClusterRoleBinding") {
			manifests = strings.ReplaceAll(block, "my-project", "p")
		}
	}
	role, binding, found := strings.Cut(manifests, "---\n")
	require.True(t, found)
	for path, manifest := range map[string]string{"clusterroles/": role, "clusterrolebindings/": binding} {
		var object map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(manifest), &object))
		if subjects, ok := object["subjects"].([]any); ok {
			object["subjects"] = append(subjects, map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": string(local.Packetboat)})
		}
		require.NoError(t, w.Client().Apply(t.Context(), api+path+"packetboat-events", object))
	}
}

// address is the API server's, without https://.
func (w *world) address() string { return strings.TrimPrefix(w.URL(), "https://") }

func (w *world) takeAnswers() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := slices.Compact(w.asked)
	w.asked = nil
	return asked
}

// run runs a configuration with this cluster key in a process of its own.
type outcome struct {
	exit      int
	log       string
	delivered int
}

func (w *world) run(t *testing.T, clusterKey string, environment map[string]string) outcome {
	t.Helper()
	dir := t.TempDir()
	archive := filepath.Join(dir, "archive.jsonl")
	file := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte(clusterKey+`
omitLookup: true
checkpoint: {file: {path: "`+filepath.Join(dir, "checkpoint.json")+`"}}
route: {routes: [{match: [{receiver: archive}]}]}
receivers: [{name: archive, file: {path: "`+archive+`"}}]
`), 0o600))
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), runConfig+"="+file)
	for name, value := range environment {
		child.Env = append(child.Env, name+"="+value)
	}
	var log bytes.Buffer
	child.Stdout, child.Stderr = io.Discard, &log
	if err := child.Run(); err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
	}
	delivered, err := os.ReadFile(archive)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	for _, secret := range []string{userSecret, roleSecret, "t0ken", "X-Amz-", "k8s-aws-v1", "ext-4711", "cluster.invalid"} {
		assert.NotContains(t, log.String(), secret)
	}
	return outcome{child.ProcessState.ExitCode(), log.String(), bytes.Count(delivered, []byte("\n"))}
}
