package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/packetboat/packetboat/entrypoints/app"
)

func (c *command) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how far every receiver is and how many retained events it is owed",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := app.New(c.options)
			if err != nil {
				return err
			}
			status, err := a.Status(cmd.Context())
			if err != nil {
				return err
			}
			if c.output == "json" {
				return json.NewEncoder(c.stdout).Encode(status)
			}
			return c.printStatus(status)
		},
	}
	c.configFlags(cmd)
	c.clusterFlags(cmd)
	c.outputFlag(cmd, "the status")
	return cmd
}

func (c *command) printStatus(s app.Status) error {
	fmt.Fprintf(c.stdout, "checkpoint %s, revision %d\n", s.Checkpoint, s.Revision)
	if s.Lease != nil {
		fmt.Fprintf(c.stdout, "lease held by %s until %s\n", s.Lease.Holder, s.Lease.Expires.Format(time.RFC3339))
	}
	w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
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
			age = (time.Duration(*r.AgeSeconds) * time.Second).String()
		}
		if cluster == s.Cluster {
			cluster += " (this one)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Receiver, cursor, age, owed, cluster)
	}
	return w.Flush()
}
