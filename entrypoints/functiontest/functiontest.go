// Package functiontest is the suite that every serverless main passes: the built
// binary, started as its platform starts it, carries events from a real API
// server to a webhook.
//
// It promises what an operator sees: what is delivered, what is owed, what the
// answer says, and that nothing runs on after it. Everything here fails the test
// on error and must be called from the test's own goroutine.
package functiontest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/run"
	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/load"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/entrypoints/app"
)

// Platform is how one serverless main is run.
type Platform interface {
	// Start starts a process of the main that ends with the test. env is added to
	// what the platform itself sets; an invocation may take timeout.
	Start(t *testing.T, env []string, timeout time.Duration) *Instance
	// Checkpoint is a new place for a checkpoint, as the value of the
	// configuration's key, and what the process needs in its environment for it.
	Checkpoint(t *testing.T) (yaml string, env []string)
}

// Instance is one process of a main.
type Instance struct {
	*Process
	// Invoke invokes it once. It may be called in another goroutine.
	Invoke func() (Answer, error)
	// Within is Invoke, with less time than the platform's timeout. The error is
	// ErrNoAnswer at the end of it, or sooner if the process has ended.
	Within func(timeout time.Duration) (Answer, error)
	// Send is Invoke, with a payload.
	Send func(payload string) (Answer, error)
	// Connections is how many the platform's own client keeps open.
	Connections int
	Address     string // where it listens, if it does

	name string // as the hook knows it
}

// ErrNoAnswer says that the platform has given up waiting.
var ErrNoAnswer = errors.New("no answer")

// Answer is what an invocation answered.
type Answer struct {
	Failed bool // the platform counts it as an error
	Late   bool // it came after the deadline
	Status int  // of HTTP, if it came that way
	Body   []byte
}

// World is one test's part of a cluster, its receiver and its configuration.
type World struct {
	Hook *Hook

	t         *testing.T
	cluster   *local.Cluster
	platform  Platform
	namespace string
	env       []string
	config    string
	started   int // processes
}

// Cluster starts the API server that the tests of one main share.
func Cluster(t *testing.T) *local.Cluster {
	t.Helper()
	return localtest.Start(t, local.Options{})
}

// NewWorld makes a namespace, a webhook and a configuration that sends the
// namespace's events there. extra is added to the configuration's top level.
func NewWorld(t *testing.T, cluster *local.Cluster, p Platform, extra string) *World {
	t.Helper()
	checkpoint, env := p.Checkpoint(t)
	w := &World{
		t: t, cluster: cluster, platform: p, Hook: newHook(t),
		namespace: strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name())),
		config:    filepath.Join(t.TempDir(), "config.yaml"),
	}
	require.NoError(t, load.Namespace(t.Context(), cluster.Client(), w.namespace))
	require.NoError(t, os.WriteFile(w.config, fmt.Appendf(nil, `
namespace: %s
checkpoint: %s
route: {routes: [{match: [{receiver: hook}]}]}
receivers: [{name: hook, webhook: {endpoint: %q}}]
%s
`, w.namespace, checkpoint, w.Hook.URL+"/${PROCESS}", extra), 0o600))
	w.env = slices.Concat(env, []string{app.EnvConfig + "=" + w.config, app.EnvKubeconfig + "=" + cluster.Kubeconfig(local.Admin)})
	return w
}

// Start starts a process with the World's configuration.
func (w *World) Start(timeout time.Duration) *Instance {
	w.t.Helper()
	w.started++
	name := strconv.Itoa(w.started)
	instance := w.platform.Start(w.t, append(slices.Clone(w.env), "PROCESS="+name), timeout)
	instance.name = name
	return instance
}

// Write writes n new events and returns their UIDs.
func (w *World) Write(n int) []string {
	w.t.Helper()
	events, err := load.Create(w.t.Context(), w.cluster.Client(), w.namespace, n)
	require.NoError(w.t, err)
	uids := make([]string, n)
	for i, ev := range events {
		uids[i] = ev.UID
	}
	return uids
}

// Report invokes once and returns the Report, which must not be of an error.
func (w *World) Report(i *Instance) run.Report {
	w.t.Helper()
	answer, err := i.Invoke()
	require.NoError(w.t, err)
	require.Falsef(w.t, answer.Failed, "answer: %s\nlog: %s", answer.Body, i.Log(w.t))
	require.False(w.t, answer.Late, "the answer came after the deadline")
	return answer.Report(w.t)
}

// Report decodes the answer.
func (a Answer) Report(t *testing.T) run.Report {
	t.Helper()
	var r run.Report
	require.NoErrorf(t, json.Unmarshal(a.Body, &r), "answer: %s", a.Body)
	return r
}
