package main

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/packetboat/packetboat/entrypoints/app"
)

func (c *command) watchCommand() *cobra.Command {
	var o app.WatchOptions
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Deliver what is new since the checkpoint, and then what comes, until it is stopped",
		Long: "watch delivers what is new since the checkpoint and then follows the cluster. It commits as it\n" +
			"goes. SIGTERM stops reading, delivers and commits what was read, and gives the lease back. SIGHUP\n" +
			"and a change of the configuration file load the configuration anew: one that is wrong is refused\n" +
			"with the reason, and the old one goes on.\n\n" +
			"The flags of kubernetes-event-exporter (-conf, -kubeconfig, -metrics-address, -metrics-tls-config)\n" +
			"start it without the word watch; -conf is config.yaml then, if it is not given.",
		Example: "  packetboat watch --config config.yaml --metrics-address :2112\n" +
			"  packetboat -conf=/data/config.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Grace < 0 {
				return &app.UsageError{Err: errors.New("--grace is a time ahead, want 0 or more")}
			}
			reload, end := onHangup()
			defer end()
			o.Stop, o.Reload = c.stop, reload
			return app.Watch(cmd.Context(), c.options, o)
		},
	}
	c.configFlags(cmd)
	c.clusterFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.MetricsAddress, "metrics-address", ":2112", "serve metrics, health and the status page here; empty for none")
	flags.StringVar(&o.MetricsTLSConfig, "metrics-tls-config", "", "file that sets TLS and basic authentication for the metrics address (Prometheus exporter-toolkit)")
	flags.BoolVar(&o.StatusPage, "status-page", true, "serve the status page at the metrics address")
	flags.StringSliceVar(&o.StatusHosts, "status-host", nil, "name by which browsers may reach the status page, beside addresses and names of this machine and cluster")
	flags.DurationVar(&o.Grace, "grace", 25*time.Second, "after SIGTERM, time to deliver and commit what was read")
	return cmd
}

// onHangup turns SIGHUP into a wish to reload. Several that come while one is
// not yet taken are one. For any other subcommand SIGHUP means what it means to
// every program: the terminal is gone.
func onHangup() (reload <-chan struct{}, end func()) {
	hangup, wish, done := make(chan os.Signal, 1), make(chan struct{}, 1), make(chan struct{})
	signal.Notify(hangup, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-hangup:
			case <-done:
				return
			}
			select {
			case wish <- struct{}{}:
			default:
			}
		}
	}()
	return wish, func() {
		signal.Stop(hangup)
		close(done)
	}
}
