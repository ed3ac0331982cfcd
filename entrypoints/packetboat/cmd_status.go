package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/packetboat/packetboat/entrypoints/app"
)

func (c *command) statusCommand() *cobra.Command {
	var watch bool
	var interval time.Duration
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how far every receiver is and how many retained events it is owed",
		Example: "  packetboat status --config config.yaml\n" +
			"  packetboat status --config config.yaml --watch --interval 5s",
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case !watch && cmd.Flags().Changed("interval"):
				return &app.UsageError{Err: errors.New("--interval is for status --watch")}
			case interval <= 0:
				return &app.UsageError{Err: errors.New("--interval is a time ahead, want more than 0")}
			}
			a, err := app.New(cmd.Context(), c.options)
			if err != nil {
				return err
			}
			defer func() { _ = a.Close(cmd.Context()) }()
			if watch {
				return c.watchStatus(cmd.Context(), a, interval)
			}
			status, err := a.Status(cmd.Context())
			if err != nil {
				return err
			}
			return c.printStatus(c.stdout, status)
		},
	}
	c.configFlags(cmd)
	c.clusterFlags(cmd)
	c.outputFlag(cmd, "the status")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "look again and again, until it is interrupted")
	cmd.Flags().DurationVar(&interval, "interval", 2*time.Second, "time between two looks")
	return cmd
}

// printStatus writes a table for people or one line of JSON.
func (c *command) printStatus(w io.Writer, s app.Status) error {
	if c.output == "json" {
		return json.NewEncoder(w).Encode(s)
	}
	return statusText(w, s)
}

func statusText(out io.Writer, s app.Status) error {
	fmt.Fprintf(out, "checkpoint %s, revision %d\n", s.Checkpoint, s.Revision)
	if s.Lease != nil {
		fmt.Fprintf(out, "lease held by %s until %s\n", s.Lease.Holder, s.Lease.Expires.Format(time.RFC3339))
	}
	if s.Heartbeat != nil {
		fmt.Fprintf(out, "heartbeat %s ago\n", seconds(s.Heartbeat.AgeSeconds))
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RECEIVER\tCURSOR\tAGE\tOWED\tCLUSTER")
	for _, r := range s.Receivers {
		cursor, owed, age, cluster := r.ResourceVersion, "?", "?", r.Cluster
		if cursor == "" {
			cursor = "none"
		}
		if r.Owed != nil {
			owed = strconv.FormatInt(*r.Owed, 10)
		}
		if r.AgeSeconds != nil {
			age = seconds(*r.AgeSeconds)
		}
		if cluster == s.Cluster {
			cluster += " (this one)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Receiver, cursor, age, owed, cluster)
	}
	return w.Flush()
}

func seconds(n int64) string { return (time.Duration(n) * time.Second).String() }
