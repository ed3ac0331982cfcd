package app

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/packetboat/packetboat/core/run"
)

// The environment says to a function what its command line says to the command.
const (
	// EnvConfig is the configuration file, or where else it is: s3://BUCKET/KEY,
	// gs://BUCKET/OBJECT, configmap:NAMESPACE/NAME, ssm:/PATH; default config.yaml
	// beside the binary. The command reads it too, and EnvInline.
	EnvConfig = "PACKETBOAT_CONFIG_FILE"
	// EnvInline is the configuration itself.
	EnvInline = "PACKETBOAT_CONFIG"
	// EnvCheckpoint is NAME:REF, and goes before the configuration's checkpoint.
	EnvCheckpoint = "PACKETBOAT_CHECKPOINT"
	// EnvKubeconfig is a file, and goes before the configuration's cluster.
	EnvKubeconfig = "PACKETBOAT_KUBECONFIG"
	// EnvClusters are the names of some of the configuration's clusters, with commas.
	EnvClusters = "PACKETBOAT_CLUSTERS"
	// EnvShard is i/n, the part of a very large cluster that is delivered.
	EnvShard = "PACKETBOAT_SHARD"
	// EnvTimeout is how long an invocation may take, such as 50s.
	EnvTimeout = "PACKETBOAT_TIMEOUT"
)

// FunctionOptions are what a platform's main knows of its platform.
type FunctionOptions struct {
	LogFormat LogFormat
	// Timeout of an invocation, unless EnvTimeout names another; 0: only the
	// deadline of its context counts.
	Timeout time.Duration
	Version string
	Stderr  io.Writer
}

// Function makes runs in a process that a platform starts, keeps and freezes as
// it likes, such as AWS Lambda or Cloud Functions. Between two invocations
// nothing goes on: a frozen process wakes up in the past. What is kept is the
// configuration and the clients of the cluster and the checkpoint, and after an
// error not even these. All else, the sinks and the lease above all, is of one
// invocation. Connections to the cluster are closed, because it takes long to
// notice that one died in the meantime; an object store's client keeps its own,
// and a commit that finds one dead is made again.
//
// Invoke may be called concurrently.
type Function struct {
	options FunctionOptions
	log     *slog.Logger // while there is no configuration that says the level

	busy    sync.Mutex // guards what follows
	app     *App
	outside *outside
}

// NewFunction opens nothing and does not fail: a platform shows what goes wrong
// in an invocation better than what goes wrong before the first.
func NewFunction(o FunctionOptions) *Function {
	return &Function{options: o, log: newLogger(o.Stderr, o.LogFormat, slog.LevelInfo)}
}

// Warm reads the configuration ahead of the first invocation, which says what is
// wrong with it.
func (f *Function) Warm() {
	f.busy.Lock()
	defer f.busy.Unlock()
	_ = f.open(context.Background()) // a platform gives the time before the first invocation no deadline of its own
}

// Invoke makes one run, as its payload says: see parsePayload. It ends before
// ctx's deadline and the timeout, early enough to have delivered, committed and
// answered; if ctx is cancelled, or SIGTERM comes, it stops as well as it can.
// The error is nil if the run did its work, if another one is at work, or if the
// time was too short; ExitCode and ErrPayload tell the others apart. All of it is
// logged, and stands in the Report too.
func (f *Function) Invoke(ctx context.Context, payload []byte) (run.Report, error) {
	if !f.busy.TryLock() {
		holder := "another invocation of this process"
		return run.Report{LeaseHeldBy: &holder}, nil
	}
	defer f.busy.Unlock()
	good := false
	defer func() {
		if !good { // an error or a panic: what they keep may be the cause, such as a secret that was rotated
			f.app, f.outside = nil, nil
		}
	}()
	report, err := f.invoke(ctx, payload)
	log := f.log
	if f.app != nil {
		log = f.app.Log
	}
	if err != nil {
		report.Error = err.Error()
		log.ErrorContext(ctx, "run failed, what is owed is kept for the next one", "error", err, "report", report)
		good = errors.Is(err, ErrPayload)
		return report, err
	}
	log.InfoContext(ctx, "run ended", "report", report)
	good = true
	return report, nil
}

func (f *Function) invoke(ctx context.Context, payload []byte) (run.Report, error) {
	said, err := parsePayload(payload)
	if err != nil {
		return run.Report{}, err
	}
	end, err := f.end(ctx, said.deadline)
	if err != nil {
		return run.Report{}, err
	}
	// Between two runs SIGTERM ends the process at once, as it would without us.
	stop, restore := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer restore()
	// That the caller is gone must not cut off what is being delivered: that is Stop's.
	ctx = context.WithoutCancel(ctx)
	spare := margin(time.Until(end))
	if !end.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-spare/2))
		defer cancel()
	}
	if err := f.open(ctx); err != nil {
		return run.Report{}, err
	}
	if err := f.app.Config.KnowsReceivers(said.receivers...); err != nil {
		return run.Report{}, wrongPayload("receivers: %w", err)
	}
	if err := f.app.knowsClusters(said.clusters); err != nil {
		return run.Report{}, wrongPayload("clusters: %w", err)
	}
	defer func() { _ = f.app.Close(ctx) }()
	o := RunOptions{Stop: stop.Done(), Grace: closeTime, Receivers: said.receivers, Clusters: said.clusters, DryRun: said.dryRun}
	if !end.IsZero() {
		o.Deadline = max(time.Until(end)-spare, time.Nanosecond)
	}
	return f.app.Run(ctx, o)
}

// open reads the environment and the configuration, unless they are kept and
// still true.
func (f *Function) open(ctx context.Context) error {
	if f.app != nil && !f.app.outdated(ctx, false) {
		return nil
	}
	f.app = nil
	name, err := configName()
	if err != nil {
		return err
	}
	o, err := Options{
		ConfigFile: cmp.Or(name, bundledConfig()), outside: f.outside,
		Checkpoint: os.Getenv(EnvCheckpoint), Kubeconfig: os.Getenv(EnvKubeconfig),
		Clusters: strings.FieldsFunc(os.Getenv(EnvClusters), func(r rune) bool { return r == ',' || r == ' ' }), Shard: os.Getenv(EnvShard),
		LogFormat: f.options.LogFormat, Version: f.options.Version, Stdout: os.Stdout, Stderr: f.options.Stderr,
	}.located()
	if err != nil {
		return err
	}
	f.outside = o.outside
	f.app, err = New(ctx, o)
	return err
}

// end is when the answer must be there, the zero time if nobody says. Whoever
// leaves the least time is right.
func (f *Function) end(ctx context.Context, asked time.Duration) (time.Time, error) {
	timeout := f.options.Timeout
	if text := os.Getenv(EnvTimeout); text != "" {
		var err error
		if timeout, err = time.ParseDuration(text); err != nil || timeout <= 0 {
			return time.Time{}, usage("%s: want a time such as 50s, got %q", EnvTimeout, text)
		}
	}
	end, _ := ctx.Deadline()
	for _, limit := range []time.Duration{timeout, asked} {
		if own := time.Now().Add(limit); limit > 0 && (end.IsZero() || own.Before(end)) {
			end = own
		}
	}
	return end, nil
}

// margin is the part of an invocation's time that is kept for closing the
// receivers and for the answer, after the run has ended: a tenth, at most 2 s.
func margin(total time.Duration) time.Duration { return min(total/10, 2*time.Second) }

// bundledConfig is where a configuration is that was packed with the binary, or
// with the source: Google's buildpack leaves that below the working directory.
func bundledConfig() string {
	packed := filepath.Join("serverless_function_source_code", "config.yaml")
	if _, err := os.Stat(packed); err == nil {
		return packed
	}
	dir := os.Getenv("LAMBDA_TASK_ROOT")
	if dir == "" {
		executable, err := os.Executable()
		if err != nil {
			executable = os.Args[0]
		}
		dir = filepath.Dir(executable)
	}
	return filepath.Join(dir, "config.yaml")
}

// BuildVersion is the version that the linker set, else what Go knows.
func BuildVersion(linked string) string {
	if linked != "" {
		return linked
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
