package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"

	"github.com/packetboat/packetboat/entrypoints/app/cluster"
	"github.com/packetboat/packetboat/entrypoints/app/configsource"
	"github.com/packetboat/packetboat/entrypoints/app/fetch"
	"github.com/packetboat/packetboat/entrypoints/app/secrets"
)

// outside is what a process has asked for beside the cluster and the checkpoint.
// It goes from one App to the next.
type outside struct {
	config  *configsource.Source
	secrets *secrets.Cache
	now     func() time.Time
}

// onTheWall is the time without the monotonic clock, which stands still while a function is frozen.
func onTheWall() time.Time { return time.Now().Round(0) }

// configName is where the environment says the configuration is, "" if it does not.
func configName() (string, error) {
	name, inline := os.Getenv(EnvConfig), os.Getenv(EnvInline)
	switch {
	case name != "" && inline != "":
		return "", usage("%s and %s are both set: remove one of them", EnvConfig, EnvInline)
	case inline != "":
		return "env:" + EnvInline, nil
	}
	return name, nil
}

// ConfigName is what the messages call the configuration.
func (o Options) ConfigName() string {
	name, _ := configName()
	return cmp.Or(o.ConfigFile, name)
}

// located names the configuration, and has what is outside.
func (o Options) located() (Options, error) {
	if o.outside != nil {
		return o, nil
	}
	name, err := configName()
	if o.ConfigFile = cmp.Or(o.ConfigFile, name); o.ConfigFile == "" {
		return o, cmp.Or(err, usage("no configuration named: use --config FILE, %s or %s", EnvConfig, EnvInline))
	}
	source, err := configsource.Open(o.ConfigFile, o.callersCluster)
	if err != nil {
		return o, usage("%w", err)
	}
	o.outside = &outside{config: source, secrets: secrets.New(secrets.Options{}), now: onTheWall}
	return o, nil
}

// callersCluster is for the configuration, which cannot say itself where it is.
func (o Options) callersCluster() (rest.Interface, func(), error) {
	client, err := cluster.New(cluster.Config{Kubeconfig: o.Kubeconfig, UserAgent: "packetboat/" + o.Version})
	if err != nil {
		return nil, nil, err
	}
	return client, func() { utilnet.CloseIdleConnectionsFor(client.Client.Transport) }, nil
}

func (o Options) readConfig(ctx context.Context) ([]byte, error) {
	data, err := o.outside.config.Read(ctx)
	switch {
	case err == nil:
		return data, nil
	case errors.Is(err, os.ErrNotExist):
		return nil, usage("configuration file %s does not exist", o.ConfigFile)
	case o.outside.config.Path != "":
		return nil, usage("read configuration: %w", err)
	case fetch.IsWrong(err):
		return nil, usage("read configuration %s: %w", o.ConfigFile, err)
	}
	return nil, fmt.Errorf("read configuration %s: %w", o.ConfigFile, err)
}
