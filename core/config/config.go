// Package config turns a YAML file into a typed, checked Config. It takes every
// file that kubernetes-event-exporter takes, and has a word for everything that
// is wrong with one.
//
// It promises to find all problems in one go, each with line, column and key,
// to print no value of the file (only keys and names, and patterns that do not
// compile), never to panic, and to stay within fixed bounds of memory whatever
// the file holds. It reads no file and connects to nothing: what a variable
// stands for is the only thing that it asks of its caller. Sinks and stores are
// decoded into their own Config by the registered kinds; opening them, which
// also compiles their templates, is the caller's, who gives their errors to
// ProblemFrom. A secret that the file only names becomes a Reference, which the
// caller fetches. All functions may be called concurrently; a Config is not
// changed after Load, but for its References, and may be shared.
package config

import (
	"log/slog"
	"time"

	"github.com/packetboat/packetboat/core/route"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
)

// Config is a whole configuration. A key that is absent or null has the default
// that is named here.
type Config struct {
	File string `yaml:"-"` // its name, as given to Load

	// LogLevel is one of trace, debug, info, warn, error, fatal, panic and
	// disabled; default info. Level translates it.
	LogLevel string `yaml:"logLevel"`
	// LogFormat is json or pretty; default pretty.
	LogFormat string `yaml:"logFormat"`

	// MaxEventAgeSeconds bounds how far back the very first run reads; 0 is no
	// bound. FirstRunAge reads it.
	MaxEventAgeSeconds int64 `yaml:"maxEventAgeSeconds"`
	// ThrottlePeriod is the old name of MaxEventAgeSeconds; only one may be set.
	ThrottlePeriod int64 `yaml:"throttlePeriod"`

	// ClusterName becomes clusterName of every event.
	ClusterName string `yaml:"clusterName"`
	// Namespace is the only one that is read; default all. Namespaces reads it.
	Namespace      string         `yaml:"namespace"`
	LeaderElection LeaderElection `yaml:"leaderElection"`

	Route route.Route `yaml:"route"`
	// Tree is Route, compiled for Receivers in their order.
	Tree      *route.Tree `yaml:"-"`
	Receivers []Receiver  `yaml:"-"`

	// KubeQPS and KubeBurst limit requests to the API server; 0 is client-go's default.
	KubeQPS   float32 `yaml:"kubeQPS"`
	KubeBurst int     `yaml:"kubeBurst"`
	// MetricsNamePrefix is put before the names of upstream's metrics; it ends in "_".
	MetricsNamePrefix string `yaml:"metricsNamePrefix"`
	// Metrics says where a run pushes its metrics to; default nowhere.
	Metrics Metrics `yaml:"metrics"`
	// OmitLookup leaves involved objects alone: no labels, annotations, owners.
	OmitLookup bool `yaml:"omitLookup"`
	// Enrich says of which kinds they are looked up.
	Enrich Enrich `yaml:"enrich"`
	// CacheSize is how many involved objects are remembered; default 4096, 0 is the default.
	CacheSize int `yaml:"cacheSize"`
	// CacheTTL is for how long; default 10m, 0 is the default.
	CacheTTL time.Duration `yaml:"cacheTTL"`
	// MappingCacheSize is a key of a fork, taken and not used.
	MappingCacheSize int `yaml:"mappingCacheSize"`
	// ReportUpdates is the default of Receiver.ReportUpdates; default true.
	ReportUpdates bool `yaml:"reportUpdates"`

	// Checkpoint is where the checkpoint is kept; nil if the file does not say.
	Checkpoint *Checkpoint `yaml:"-"`
	Cluster    Cluster     `yaml:"cluster"`
	// Clusters are those of a run that reads several; none for a single one.
	Clusters []NamedCluster `yaml:"-"`
	// ClustersAtOnce is how many of Clusters are read at a time; default 4. They
	// share Source.Memory.
	ClustersAtOnce int     `yaml:"clustersAtOnce"`
	Source         Source  `yaml:"source"`
	Watch          Watch   `yaml:"watch"`
	Secrets        Secrets `yaml:"secrets"`
	// References are the secrets that are still to be fetched.
	References []Reference `yaml:"-"`
	// Delivery is the default of Receiver.Delivery.
	Delivery Delivery `yaml:"delivery"`
	// DeadLetter is where events go that a receiver will never accept; nil if
	// they are logged and count as lost.
	DeadLetter *DeadLetter `yaml:"-"`
}

// Checkpoint is a store by its kind, with the Config that Kind.Open takes.
type Checkpoint struct {
	Kind     state.Kind
	Config   any
	Position sinks.Position
}

// Source says what is read and how. Where 0 is the default, the source has its own.
type Source struct {
	// Start is where a receiver without a cursor begins, "" as its kind says.
	Start      sinks.Start `yaml:"start"`
	Namespaces []string    `yaml:"namespaces"` // default all
	// ExcludeNamespaces are not read.
	ExcludeNamespaces []string      `yaml:"excludeNamespaces"`
	Marker            Marker        `yaml:"marker"`      // default auto
	QuietPeriod       time.Duration `yaml:"quietPeriod"` // replay without a marker ends after it; 0 is the default
	PageBytes         Bytes         `yaml:"pageBytes"`   // of one page; 0 is the default
	Memory            Bytes         `yaml:"memory"`      // of all events held while reading; 0 is the default
	EventTTL          time.Duration `yaml:"eventTTL"`    // how long the API server keeps events; default 1h
	// ResetSince bounds, after the cluster's history was rewritten, how old an
	// event may be that is delivered again; 0 is no bound.
	ResetSince time.Duration `yaml:"resetSince"`
	// ExportMarker delivers the markers too, like other events.
	ExportMarker bool `yaml:"exportMarker"`
	// ReportGaps delivers a gap or a rewritten history as an event, too.
	ReportGaps bool `yaml:"reportGaps"`
}

// Marker says whether the source may write an event of its own to know where
// it is.
type Marker string

// With MarkerAuto it does where it is allowed to.
const (
	MarkerAuto Marker = "auto"
	MarkerOff  Marker = "off"
)

// Delivery says how records are sent to one receiver.
type Delivery struct {
	Batch       Batch         `yaml:"batch"`
	Concurrency int           `yaml:"concurrency"` // batches in flight; default 1, which keeps the order
	Timeout     time.Duration `yaml:"timeout"`     // of one attempt; default 30s
	Retry       Retry         `yaml:"retry"`
}

// Batch bounds a batch further than the sink's own limits; 0 adds no bound.
type Batch struct {
	Size  int           `yaml:"size"`  // records
	Bytes Bytes         `yaml:"bytes"` // of all bodies
	Age   time.Duration `yaml:"age"`   // in watch mode: how long a batch waits for more; default 1s
}

// Retry is exponential backoff with full jitter.
type Retry struct {
	Budget  time.Duration `yaml:"budget"`  // for one batch, all attempts; default 2m
	Initial time.Duration `yaml:"initial"` // longest first wait; default 500ms
	Max     time.Duration `yaml:"max"`     // longest wait; default 30s
}

// DeadLetter is a storage by its kind, with the Config that
// Kind.OpenDeadLetters takes.
type DeadLetter struct {
	Kind     state.Kind
	Config   any
	Position sinks.Position
}

func defaults() *Config {
	return &Config{
		LogLevel: "info", LogFormat: "pretty",
		LeaderElection: defaultLeaderElection(),
		ClustersAtOnce: 4,
		CacheSize:      4096, CacheTTL: 10 * time.Minute, ReportUpdates: true,
		Source:  Source{Marker: MarkerAuto, EventTTL: time.Hour},
		Metrics: Metrics{Interval: time.Minute},
		Watch:   defaultWatch(),
		Secrets: Secrets{TTL: 5 * time.Minute},
		Delivery: Delivery{
			Batch: Batch{Age: time.Second}, Concurrency: 1, Timeout: 30 * time.Second,
			Retry: Retry{Budget: 2 * time.Minute, Initial: 500 * time.Millisecond, Max: 30 * time.Second},
		},
	}
}

// FirstRunAge bounds how old an event may be that the very first run, without a
// checkpoint, reads; 0 is no bound.
func (c *Config) FirstRunAge() time.Duration {
	return time.Duration(max(c.MaxEventAgeSeconds, c.ThrottlePeriod)) * time.Second
}

// Namespaces are those that are read; none is all.
func (c *Config) Namespaces() []string {
	if c.Namespace != "" {
		return []string{c.Namespace}
	}
	return c.Source.Namespaces
}

// Level is LogLevel for slog. Levels above error, disabled the highest, let
// nothing through that slog's own names stand for.
func (c *Config) Level() slog.Level { return levels()[c.LogLevel] }

func levels() map[string]slog.Level {
	return map[string]slog.Level{
		"trace": slog.LevelDebug - 4, "debug": slog.LevelDebug, "info": slog.LevelInfo,
		"warn": slog.LevelWarn, "error": slog.LevelError,
		"fatal": slog.LevelError + 4, "panic": slog.LevelError + 8, "disabled": slog.LevelError + 100,
	}
}
