package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/packetboat/packetboat/entrypoints/app"
)

func (c *command) redeliverCommand() *cobra.Command {
	var receiver string
	cmd := &cobra.Command{
		Use:   "redeliver",
		Short: "Send the dead letters again and remove those that were acknowledged",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := app.New(cmd.Context(), c.options)
			if err != nil {
				return err
			}
			defer func() { _ = a.Close(cmd.Context()) }()
			a.LogWarnings()
			sum, err := a.Redeliver(cmd.Context(), receiver)
			var usage *app.UsageError
			if errors.As(err, &usage) {
				return err
			}
			if c.output == "json" {
				return errors.Join(err, json.NewEncoder(c.stdout).Encode(sum))
			}
			fmt.Fprintf(c.stderr, "%d sent and removed, %d refused again, %d left, %d skipped\n", sum.Removed, sum.Refused, sum.Left, sum.Skipped)
			return err
		},
	}
	c.configFlags(cmd)
	c.clusterFlags(cmd)
	c.outputFlag(cmd, "what became of them")
	cmd.Flags().StringVar(&receiver, "receiver", "", "only this receiver's")
	return cmd
}
