// Command packetboat carries Kubernetes events to where people and systems need
// them. Each subcommand is a file; all they do is in entrypoints/app.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/packetboat/packetboat/entrypoints/app"
)

// version is set by the linker; a build without it says what Go knows.
var version = ""

func main() { os.Exit(execute(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// execute is the whole command; its result is the exit code.
func execute(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	// Without this a closed standard output kills the process before the stdout
	// receiver can say so and the run can end with its Report.
	signal.Ignore(syscall.SIGPIPE)
	stop := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	// Closed only once nobody sends to it any more.
	defer close(signals)
	defer signal.Stop(signals)
	go func() {
		if _, ok := <-signals; !ok {
			return
		}
		close(stop)
		// A second signal does not wait: whoever sends it knows that what is not
		// committed is sent again.
		if _, ok := <-signals; ok {
			cancel()
		}
	}()

	c := &command{stdin: stdin, stdout: stdout, stderr: stderr, stop: stop}
	root := c.root()
	root.SetArgs(fromUpstream(args))
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err != nil && !c.began {
		err = &app.UsageError{Err: fmt.Errorf("%w (see packetboat --help)", err)}
	}
	if err != nil {
		c.say(err)
	}
	return app.ExitCode(err)
}

// command is what the subcommands share.
type command struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	stop           <-chan struct{}
	options        app.Options
	output         string
	began          bool // the command line was understood
}

func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "packetboat",
		Short: "Carry Kubernetes events to where people and systems need them, in batches and without loss",
		Long: "packetboat reads the events of a cluster since a checkpoint, routes them, delivers them in\n" +
			"batches and then commits the checkpoint: once (run), or on and on (watch). A run that dies\n" +
			"anywhere is repaired by the next.\n\n" +
			"Exit codes: 0 done (or another run is at work), 1 something is owed because of an error,\n" +
			"2 usage, configuration or an unreadable checkpoint, 3 behind (only with --fail-if-behind).",
		Version:       buildVersion(),
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRun: func(*cobra.Command, []string) { c.began = true },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		c.began = true
		return &app.UsageError{Err: fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())}
	})
	root.AddCommand(c.runCommand(), c.watchCommand(), c.checkCommand(), c.explainCommand(), c.statusCommand(), c.checkpointCommand(),
		c.redeliverCommand(), c.trialCommand(), c.schemaCommand(), c.rbacCommand())
	return root
}

// configFlags are those of every subcommand that reads a configuration.
func (c *command) configFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&c.options.ConfigFile, "config", "c", "", "configuration file, or env:NAME, s3://BUCKET/KEY, gs://BUCKET/OBJECT, configmap:NAMESPACE/NAME, ssm:/PATH (default: PACKETBOAT_CONFIG_FILE, PACKETBOAT_CONFIG)")
	flags.BoolVar(&c.options.Strict, "strict", false, "unknown keys in the configuration are errors")
	cmd.Args = c.noArguments
	c.options.Stdin, c.options.Stdout, c.options.Stderr, c.options.Version = c.stdin, c.stdout, c.stderr, buildVersion()
}

func (c *command) noArguments(cmd *cobra.Command, args []string) error {
	c.began = true
	if len(args) > 0 {
		return &app.UsageError{Err: fmt.Errorf("%s takes no argument %q", cmd.CommandPath(), args[0])}
	}
	return nil
}

// clusterFlags are those of every subcommand that reads a cluster or its checkpoint.
func (c *command) clusterFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&c.options.Kubeconfig, "kubeconfig", "", "kubeconfig file (default: the cluster this runs in, else KUBECONFIG)")
	c.checkpointFlag(cmd)
	flags.StringSliceVar(&c.options.Clusters, "cluster-name", nil, "only these of the configuration's clusters")
	flags.StringVar(&c.options.ClusterIndex, "cluster-index", "", "only the cluster at this place of the configuration's list, from 0: for an indexed Job")
	flags.StringVar(&c.options.Shard, "shard", "", "i/n, counted from 0: only this part of a very large cluster, by namespace, from a checkpoint of its own")
}

func (c *command) checkpointFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.options.Checkpoint, "checkpoint", "", "file:PATH, configmap:NAMESPACE/NAME, s3:BUCKET/KEY or gcs:BUCKET/OBJECT instead of the configuration's")
}

func (c *command) outputFlag(cmd *cobra.Command, what string) {
	cmd.Flags().StringVarP(&c.output, "output", "o", "text", what+": text for people, json for machines")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if c.output != "text" && c.output != "json" {
			return &app.UsageError{Err: fmt.Errorf("--output %s: want text or json", c.output)}
		}
		return nil
	}
}

// say prints an error as its reader needs it: problems of a configuration stand
// alone, one a line, to be read by editors.
func (c *command) say(err error) {
	var config *app.ConfigError
	if errors.As(err, &config) {
		for _, p := range config.Problems {
			fmt.Fprintf(c.stderr, "%s: %s\n", p.Severity, p)
		}
		return
	}
	fmt.Fprintf(c.stderr, "packetboat: %s\n", advise(err))
}

func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
