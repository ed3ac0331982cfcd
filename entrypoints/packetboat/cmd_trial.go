package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/packetboat/packetboat/entrypoints/app"
)

func (c *command) trialCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test RECEIVER",
		Short: "Send one recognisable event to a receiver, and say what it answered",
		Long: "test sends one event of the reason PacketboatTest to a receiver, past the rules, in one attempt. It\n" +
			"needs no cluster and no checkpoint.",
		Example: "  packetboat test oncall --config config.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := app.New(cmd.Context(), c.options)
			if err != nil {
				return err
			}
			trial, err := a.Try(cmd.Context(), args[0])
			if trial.Verdict == "" {
				return err
			}
			if c.output == "json" {
				return errors.Join(err, json.NewEncoder(c.stdout).Encode(trial))
			}
			if err == nil {
				fmt.Fprintf(c.stdout, "%s has accepted event %s (%d bytes) in %s\n", trial.Receiver, trial.ID, trial.Bytes, trial.Took.Round(time.Millisecond))
			}
			return err
		},
	}
	c.configFlags(cmd)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		c.began = true
		if len(args) != 1 {
			return &app.UsageError{Err: fmt.Errorf("%s takes the name of one receiver", cmd.CommandPath())}
		}
		return nil
	}
	c.outputFlag(cmd, "the answer")
	return cmd
}
