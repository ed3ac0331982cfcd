package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/packetboat/packetboat/entrypoints/app"
)

func (c *command) checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Find what is wrong with a configuration, or surely not meant",
		RunE: func(cmd *cobra.Command, _ []string) error {
			problems, err := app.Check(cmd.Context(), c.options)
			if c.output == "json" {
				if problems == nil {
					problems = []app.Problem{}
				}
				return silent(err, json.NewEncoder(c.stdout).Encode(problems))
			}
			if err != nil {
				return err
			}
			for _, p := range problems {
				fmt.Fprintf(c.stdout, "%s: %s\n", p.Severity, p)
			}
			fmt.Fprintf(c.stdout, "%s: good, %s\n", c.options.ConfigName(), plural(int64(len(problems)), "warning"))
			return nil
		},
	}
	c.configFlags(cmd)
	c.outputFlag(cmd, "the problems")
	return cmd
}

// silent keeps an error's exit code when its text is already on standard output.
func silent(err, printing error) error {
	if printing != nil {
		return printing
	}
	if problem, ok := err.(*app.ConfigError); ok { //nolint:errorlint // Check returns it bare
		return &app.ConfigError{Problems: problem.Problems[:0]}
	}
	return err
}
