package main

import (
	"github.com/spf13/cobra"

	"github.com/packetboat/packetboat/entrypoints/app"
)

func (c *command) schemaCommand() *cobra.Command {
	var strict bool
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print a JSON Schema of the configuration, for editors to complete and check it",
		Long: "schema prints a JSON Schema (draft 2020-12) of the configuration. It takes what check takes. With\n" +
			"--strict it refuses unknown keys, of which check warns: best for an editor, which then marks a\n" +
			"misspelt key.",
		Args: c.noArguments,
		RunE: func(*cobra.Command, []string) error {
			schema, err := app.Schema(strict)
			if err != nil {
				return err
			}
			_, err = c.stdout.Write(schema)
			return err
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "refuse unknown keys")
	return cmd
}
