package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/packetboat/packetboat/entrypoints/app"
)

func (c *command) rbacCommand() *cobra.Command {
	var o app.RBACOptions
	cmd := &cobra.Command{
		Use:   "rbac",
		Short: "Print the Kubernetes rights that a configuration needs, and nothing more",
		Long: "rbac prints Roles and bindings as YAML, each rule with its reason, and the objects that must exist\n" +
			"beforehand, because create cannot be limited to a name: the checkpoint's ConfigMap and the leader\n" +
			"election's Lease. It asks no cluster. What cannot be narrowed or known is said on standard error.\n\n" +
			"Objects that events are about are looked up where the configuration can see their labels. There is\n" +
			"no rule for every kind: without enrich.kinds or --kinds the kinds are pods, nodes and workloads.\n\n" +
			"A configuration that is named as configmap:NAMESPACE/NAME is to be read by packetboat, and gets a rule too.",
		Example: "  packetboat rbac --config config.yaml --namespace monitoring | kubectl apply -f -\n" +
			"  packetboat rbac --config config.yaml --namespace monitoring --mode watch --kinds Pod,Node",
		RunE: func(cmd *cobra.Command, _ []string) error {
			manifest, warnings, err := app.RBAC(cmd.Context(), c.options, o)
			if err != nil {
				return err
			}
			for _, warning := range warnings {
				fmt.Fprintf(c.stderr, "warning: %s\n", warning)
			}
			_, err = c.stdout.Write(manifest)
			return err
		},
	}
	c.configFlags(cmd)
	c.checkpointFlag(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&c.options.Namespace, "namespace", "n", "", "where packetboat will run (default: where this runs, else default)")
	flags.StringVar(&o.ServiceAccount, "service-account", "packetboat", "name of its ServiceAccount")
	flags.BoolVar(&o.CreateServiceAccount, "create-service-account", true, "print the ServiceAccount too")
	flags.StringVar(&o.User, "user", "", "bind to this user instead, for packetboat outside of the cluster; objects have the ServiceAccount's name")
	flags.StringVar(&o.Group, "group", "", "the same for a group")
	flags.StringVar(&o.Mode, "mode", app.ModeRun, "run or watch")
	flags.IntVar(&o.Shards, "shards", 0, "for this many processes with --shard i/n, each with a checkpoint of its own")
	flags.StringSliceVar(&c.options.Clusters, "cluster-name", nil, "which of the configuration's clusters")
	flags.StringSliceVar(&o.Kinds, "kinds", nil, "look up these kinds, KIND or GROUP/KIND, instead of enrich.kinds; empty for none")
	return cmd
}
