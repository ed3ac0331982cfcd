package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/packetboat/packetboat/entrypoints/app"
)

func (c *command) explainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "explain",
		Short:   "Show each event's path through the rules and what exactly would be sent",
		Example: "  kubectl get events -A -o json | packetboat explain --config config.yaml --events -",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := app.New(cmd.Context(), c.options)
			if err != nil {
				return err
			}
			a.LogWarnings()
			explanations, err := a.Explain(cmd.Context())
			if err != nil {
				return err
			}
			out := json.NewEncoder(c.stdout)
			for e, err := range explanations {
				if err != nil {
					return &app.UsageError{Err: err}
				}
				if c.output == "json" {
					err = out.Encode(e)
				} else {
					err = writeExplanation(c.stdout, e)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.configFlags(cmd)
	c.outputFlag(cmd, "one explanation per event")
	cmd.Flags().StringVar(&c.options.Events, "events", "", "file with events, - for standard input")
	return cmd
}

func writeExplanation(w io.Writer, e app.Explanation) error {
	if err := e.WriteText(w); err != nil {
		return err
	}
	for _, b := range e.Bodies {
		if b.Error != "" {
			fmt.Fprintf(w, "  %s can never take it: %s\n", b.Receiver, b.Error)
			continue
		}
		said := "is sent:"
		if b.Digest {
			said = "puts it into a digest; alone it would be:"
		}
		fmt.Fprintf(w, "  %s %s\n%s\n", b.Receiver, said, strings.TrimSuffix(b.Body, "\n"))
	}
	_, err := fmt.Fprintln(w)
	return err
}
