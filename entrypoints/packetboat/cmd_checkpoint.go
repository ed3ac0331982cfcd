package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/packetboat/packetboat/entrypoints/app"
)

func (c *command) checkpointCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "Look at the checkpoint, carry it to another store, or move it by hand",
		RunE: func(cmd *cobra.Command, args []string) error {
			// Cobra itself looks for unknown subcommands below the root only.
			if len(args) > 0 {
				return &app.UsageError{Err: fmt.Errorf("unknown command %q for %q (see %s --help)", args[0], cmd.CommandPath(), cmd.CommandPath())}
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(c.checkpointShow(), c.checkpointCopy(), c.checkpointSet(), c.checkpointReset())
	return cmd
}

// edit builds a subcommand that works on the checkpoint.
func (c *command) edit(use, short string, do func(cmd *cobra.Command, a *app.App) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := app.New(cmd.Context(), c.options)
			if err != nil {
				return err
			}
			err = do(cmd, a)
			if app.IsHeld(err) {
				return fmt.Errorf("%w: a run is at work, nothing was changed; try again when it is done", err)
			}
			return err
		},
	}
	c.configFlags(cmd)
	c.clusterFlags(cmd)
	return cmd
}

func (c *command) checkpointShow() *cobra.Command {
	return c.edit("show", "Print the checkpoint as it is stored", func(cmd *cobra.Command, a *app.App) error {
		text, err := a.Show(cmd.Context())
		if err != nil {
			return err
		}
		_, err = c.stdout.Write(text)
		return err
	})
}

func (c *command) checkpointCopy() *cobra.Command {
	var to string
	var force bool
	cmd := c.edit("copy", "Carry the checkpoint to another store, so that nothing is lost by the move",
		func(cmd *cobra.Command, a *app.App) error {
			if to == "" {
				return &app.UsageError{Err: errors.New("say where: --to file:PATH or configmap:NAMESPACE/NAME")}
			}
			if err := a.CopyCheckpoint(cmd.Context(), to, force); err != nil {
				return err
			}
			fmt.Fprintf(c.stdout, "copied to %s: the next run with it goes on from here\n", to)
			return nil
		})
	cmd.Flags().StringVar(&to, "to", "", "file:PATH or configmap:NAMESPACE/NAME")
	cmd.Flags().BoolVar(&force, "force", false, "replace a checkpoint that is already there")
	return cmd
}

func (c *command) checkpointSet() *cobra.Command {
	var receiver, version, cluster string
	cmd := c.edit("set", "Move one receiver's cursor", func(cmd *cobra.Command, a *app.App) error {
		if receiver == "" || version == "" {
			return &app.UsageError{Err: errors.New("say whose cursor and where: --receiver NAME --resource-version N")}
		}
		if err := a.SetCursor(cmd.Context(), cluster, receiver, version); err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "%s goes on after resourceVersion %s\n", receiver, version)
		return nil
	})
	cmd.Flags().StringVar(&receiver, "receiver", "", "whose cursor")
	cmd.Flags().StringVar(&version, "resource-version", "", "everything up to it counts as delivered; 0 begins with the oldest event")
	cmd.Flags().StringVar(&cluster, "cluster", "", "UID of the cluster's namespace kube-system, if the checkpoint knows several")
	return cmd
}

func (c *command) checkpointReset() *cobra.Command {
	var receiver, cluster string
	var all bool
	cmd := c.edit("reset", "Forget cursors, so that the next run begins at their receivers' start",
		func(cmd *cobra.Command, a *app.App) error {
			if (receiver == "") == !all {
				return &app.UsageError{Err: errors.New("say which: --receiver NAME, or --all")}
			}
			if err := a.ResetCursors(cmd.Context(), cluster, receiver); err != nil {
				return err
			}
			fmt.Fprintln(c.stdout, "forgotten: the next run begins at the start of each")
			return nil
		})
	cmd.Flags().StringVar(&receiver, "receiver", "", "whose cursor")
	cmd.Flags().BoolVar(&all, "all", false, "all receivers'")
	cmd.Flags().StringVar(&cluster, "cluster", "", "only in this cluster (UID of its namespace kube-system)")
	return cmd
}
