// Package app is the only wiring: it turns a configuration and a caller's
// options into an opened Job, a check, an explanation or an edit of the
// checkpoint. Every entrypoint is a thin main over it.
//
// Its functions return errors and print nothing; ExitCode says what an error
// means to the caller of a process. An App is used by one goroutine.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/enrich"
	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/core/run"
	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/entrypoints/app/cluster"
	sinksall "github.com/packetboat/packetboat/sinks/all"
	"github.com/packetboat/packetboat/state"
	stateall "github.com/packetboat/packetboat/state/all"
)

// A main imports only this package; these are what it needs of others.
type (
	// Problem is something wrong with a configuration.
	Problem = config.Problem
	// Progress is what a run has done so far.
	Progress = run.Progress
	// Report is what a run did.
	Report = run.Report
)

// Options are what a caller says beside the configuration.
type Options struct {
	ConfigFile string   // or another place, see configsource; "": as the environment says
	Strict     bool     // unknown keys are errors
	Kubeconfig string   // goes before the configuration's cluster
	Checkpoint string   // NAME:REF, goes before the configuration's checkpoint
	Clusters   []string // names of the configuration's clusters; none is all
	// ClusterIndex chooses one of them by its place in the list, from 0, as an
	// indexed Job knows it; "" is none.
	ClusterIndex string
	Shard        string // i/n: deliver this part of the cluster only, from a checkpoint of its own
	Events       string // read events from this file, - for Stdin, instead of a cluster
	Namespace    string // where it runs, "" is found out
	Version      string
	LogFormat    LogFormat // goes before the configuration's logFormat

	Stdin  io.Reader
	Stdout io.Writer // for metrics that are printed
	Stderr io.Writer // for the log

	outside *outside // of the App before, nil for the first
}

// App holds what the options and the configuration open.
type App struct {
	Options
	Config   *config.Config
	Warnings []config.Problem // of the configuration
	Log      *slog.Logger

	meter   source.Meter
	way     *rest.Config // to the cluster, made once
	client  *rest.RESTClient
	store   state.Store
	lookups *enrich.Enricher // made once: what it remembers is of use to the next run
	counted *metrics.Metrics // of all runs
	shard   source.Shard
	// clusters are those of a configuration that has several, each an App of its
	// own; this one is not used for a cluster then. share is how many run at once.
	clusters []*App
	share    int
	named    []config.NamedCluster // all that the configuration has
	unnamed  bool                  // the checkpoint is where watch mode puts it, nobody has named it
	basis    *basis
}

// ConfigError says that a configuration cannot be used.
type ConfigError struct{ Problems []config.Problem }

func (e *ConfigError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// UsageError says that the caller asked for something that cannot be.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

func usage(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// New reads and checks the configuration. It opens nothing.
func New(ctx context.Context, o Options) (*App, error) {
	a, problems, err := load(ctx, o)
	if err != nil {
		return nil, err
	}
	if config.HasErrors(problems, o.Strict) {
		return nil, &ConfigError{problems}
	}
	if o.Shard != "" {
		if a.shard, err = source.ParseShard(o.Shard); err != nil {
			return nil, usage("--%w", err)
		}
	}
	a.Warnings = slices.Concat(problems, config.Lint(a.Config))
	a.Log = newLogger(o.Stderr, logFormat(o, a.Config), a.Config.Level())
	if err := a.choose(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

func load(ctx context.Context, o Options) (*App, []config.Problem, error) {
	o, err := o.located()
	if err != nil {
		return nil, nil, err
	}
	data, err := o.readConfig(ctx)
	if err != nil {
		return nil, nil, err
	}
	c, problems := config.Load(o.ConfigFile, data, config.Options{Sinks: sinksall.Kinds(), Stores: stateall.Kinds(), Tags: buildTags()})
	for i := range problems {
		if o.Strict && problems[i].Unknown {
			problems[i].Severity = config.Error
		}
	}
	b := &basis{content: data, asked: o.outside.now(), values: map[string]secret.String{}}
	return &App{Options: o, Config: c, basis: b}, problems, nil
}

// LogWarnings says what is legal in the configuration but may not be meant.
func (a *App) LogWarnings() {
	for _, p := range a.Warnings {
		a.Log.Warn("configuration: " + p.String())
	}
}

// Client is the client for the cluster, made once.
func (a *App) Client() (rest.Interface, error) {
	if a.client != nil {
		return a.client, nil
	}
	if err := a.single(); err != nil {
		return nil, err
	}
	way, err := a.restConfig()
	if err != nil {
		return nil, err
	}
	client, err := cluster.Client(way, a.clusterConfig())
	if err != nil {
		return nil, &UsageError{err}
	}
	a.client = client
	return client, nil
}

func (a *App) clusterConfig() cluster.Config {
	named := a.Config.Cluster
	if a.Kubeconfig != "" {
		named = config.Cluster{Kubeconfig: a.Kubeconfig}
	}
	return cluster.Config{
		Kubeconfig: named.Kubeconfig, KubeconfigData: named.KubeconfigData, InCluster: named.InCluster, EKS: named.EKS, GKE: named.GKE,
		Server: named.Server, CAData: named.CAData, TokenFile: named.TokenFile,
		QPS: a.Config.KubeQPS, Burst: a.Config.KubeBurst,
		UserAgent: "packetboat/" + a.Version, Wrap: a.meter.Wrap,
	}
}

// restConfig is for what has a client of its own: it gets a copy, and shares what
// the way has found out about the cluster.
func (a *App) restConfig() (*rest.Config, error) {
	if a.way == nil {
		way, err := cluster.REST(a.clusterConfig())
		if err != nil {
			return nil, &UsageError{err}
		}
		a.way = way
	}
	return rest.CopyConfig(a.way), nil
}

func (a *App) clusterSource(marker *source.Marker, m *metrics.Metrics) (*source.Source, error) {
	client, err := a.Client()
	if err != nil {
		return nil, err
	}
	s := a.Config.Source
	events := source.New(source.Options{
		REST: client, Meter: &a.meter, ClusterName: a.Config.ClusterName,
		Namespaces: a.Config.Namespaces(), ExcludeNamespaces: s.ExcludeNamespaces, Shard: a.shard,
		PageBytes: int(s.PageBytes), Memory: int(s.Memory), EventTTL: s.EventTTL,
		Marker: marker, ExportMarker: s.ExportMarker, Quiet: s.QuietPeriod, Heartbeat: a.Config.Watch.Heartbeat,
		Metrics: m.Source, Log: a.Log,
	})
	limitMemory(events.Memory * max(a.share, 1))
	return events, nil
}

// openEvents opens the input of --events. Standard input can be read once only.
func (a *App) openEvents() (io.ReadCloser, error) {
	if a.Events == "-" {
		return io.NopCloser(a.Stdin), nil
	}
	f, err := os.Open(a.Events)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usage("events file %s does not exist", a.Events)
	}
	if err != nil {
		return nil, usage("open events: %w", err)
	}
	return f, nil
}

// checkEvents tells before the lease is taken that the input cannot be opened.
// What is no regular file (a named pipe) may be opened once only.
func (a *App) checkEvents() error {
	if info, err := os.Stat(a.Events); err == nil && !info.Mode().IsRegular() {
		return nil
	}
	input, err := a.openEvents()
	if err != nil {
		return err
	}
	return input.Close()
}

// Close ends idle connections to the cluster. The App may be used again after it.
func (a *App) Close(ctx context.Context) error {
	for _, one := range a.clusters {
		_ = one.Close(ctx) // it has no error
	}
	if a.client != nil && a.client.Client != nil {
		// http.Client's own method does not see through the transports that client-go wraps around each other.
		utilnet.CloseIdleConnectionsFor(a.client.Client.Transport)
	}
	return nil
}
