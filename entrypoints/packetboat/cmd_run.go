package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/packetboat/packetboat/entrypoints/app"
)

func (c *command) runCommand() *cobra.Command {
	var o app.RunOptions
	var failIfBehind bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Deliver what is new since the checkpoint, commit it, and end",
		Example: "  packetboat run --config config.yaml --checkpoint configmap:monitoring/packetboat\n" +
			"  kubectl get events -A -o json | packetboat run --config config.yaml --events -",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Deadline < 0 || o.Grace < 0 {
				return &app.UsageError{Err: errors.New("--deadline and --grace are times ahead, want 0 or more")}
			}
			a, err := app.New(cmd.Context(), c.options)
			if err != nil {
				return err
			}
			defer func() { _ = a.Close(cmd.Context()) }()
			o.Stop = c.stop
			progress := newProgress(a, c.stderr)
			o.Progress = progress.tell
			report, err := a.Run(cmd.Context(), o)
			progress.end()
			if err == nil && failIfBehind && !report.CaughtUp {
				err = app.ErrBehind
			}
			// Without receivers the run never began, and there is nothing to report.
			if report.Receivers == nil {
				return err
			}
			return errors.Join(err, c.printReport(report))
		},
	}
	c.configFlags(cmd)
	c.clusterFlags(cmd)
	c.outputFlag(cmd, "the Report")
	flags := cmd.Flags()
	flags.StringVar(&c.options.Events, "events", "", "read events from this file, or - for standard input, instead of a cluster")
	flags.BoolVar(&o.DryRun, "dry-run", false, "route and render, but send nothing, take no lease and write nothing")
	flags.StringArrayVar(&o.Receivers, "receiver", nil, "only this receiver, may be given again for more; the others' cursors stay")
	flags.DurationVar(&o.Deadline, "deadline", 0, "stop early enough to have delivered and committed after this time")
	flags.DurationVar(&o.Grace, "grace", 25*time.Second, "after SIGTERM, time to deliver and commit what was read")
	flags.BoolVar(&failIfBehind, "fail-if-behind", false, "exit 3 if the run ended before it had caught up")
	return cmd
}

func (c *command) printReport(r app.Report) error {
	if c.output == "json" {
		return json.NewEncoder(c.stdout).Encode(r)
	}
	// Standard output belongs to the stdout receiver.
	return r.WriteText(c.stderr)
}

// say is for text that accompanies a result.
func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
