package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/run"
	"github.com/packetboat/packetboat/core/source"
)

// choose keeps those of the configuration's clusters that the caller wants, and
// makes an App of each. One alone is as if the configuration had no other.
func (a *App) choose() error {
	known, names := a.Config.Clusters, a.Clusters
	if a.ClusterIndex != "" {
		i, err := strconv.Atoi(a.ClusterIndex)
		if err != nil || i < 0 || i >= len(known) || len(names) > 0 {
			return usage("--cluster-index %q: want the place of one of %d clusters in the list, from 0, and no --cluster-name", a.ClusterIndex, len(known))
		}
		names = []string{known[i].Name}
	}
	if err := knows(known, names); err != nil {
		return err
	}
	if len(known) == 0 {
		return nil
	}
	a.named = known
	chosen := slices.Clone(known)
	if len(names) > 0 {
		chosen = slices.DeleteFunc(chosen, func(c config.NamedCluster) bool { return !slices.Contains(names, c.Name) })
	}
	if len(chosen) == 1 {
		a.Config = configOf(a.Config, chosen[0], 1)
		return nil
	}
	if a.Kubeconfig != "" || a.Checkpoint != "" {
		return usage("--kubeconfig and --checkpoint are for one cluster: choose one by --cluster-name, of %s", namesOf(chosen))
	}
	atOnce := min(a.Config.ClustersAtOnce, len(chosen))
	for _, c := range chosen {
		a.clusters = append(a.clusters, &App{
			Options: a.Options, Config: configOf(a.Config, c, atOnce), Warnings: a.Warnings,
			Log: a.Log.With("cluster", c.Name), basis: a.basis, shard: a.shard, share: atOnce,
		})
	}
	return nil
}

func knows(known []config.NamedCluster, names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(known, func(c config.NamedCluster) bool { return c.Name == name }) {
			return usage("cluster %q is not in the configuration, which has %s", name, namesOf(known))
		}
	}
	return nil
}

// knowsClusters says which of these names this App does not run.
func (a *App) knowsClusters(names []string) error {
	if len(a.clusters) > 0 {
		return knows(a.Config.Clusters, names)
	}
	for _, name := range names {
		if len(a.named) == 0 || name != a.Config.ClusterName {
			return usage("cluster %q is not one that is run here", name)
		}
	}
	return nil
}

func namesOf(clusters []config.NamedCluster) string {
	names := make([]string, len(clusters))
	for i, c := range clusters {
		names[i] = c.Name
	}
	if len(names) == 0 {
		return "no clusters"
	}
	return strings.Join(names, ", ")
}

// leastMemory holds the largest page there is.
const leastMemory = 4 << 20

// configOf is the configuration as if it had one cluster, which shares the memory
// with those that are read at the same time.
func configOf(all *config.Config, c config.NamedCluster, atOnce int) *config.Config {
	one := *all
	one.Clusters, one.Cluster, one.ClusterName = nil, c.Cluster, c.Name
	one.Source.Memory = max(cmp.Or(all.Source.Memory, source.DefaultMemory)/config.Bytes(atOnce), leastMemory)
	if one.Checkpoint = c.Checkpoint; c.Checkpoint == nil {
		beside := *all.Checkpoint
		beside.Config = beside.Kind.Beside(beside.Config, "-"+c.Name)
		one.Checkpoint = &beside
	}
	return &one
}

// single says that what the caller wants is for one cluster.
func (a *App) single() error {
	if len(a.clusters) == 0 {
		return nil
	}
	return usage("the configuration has several clusters: choose one by --cluster-name, of %s", namesOf(a.Config.Clusters))
}

// checkCheckpoints finds two clusters with one checkpoint: they would hold each
// other up, and take each other's cursors for their own where the UID of
// kube-system may not be read.
func (a *App) checkCheckpoints(ctx context.Context) error {
	owner := map[string]string{}
	var problems []config.Problem
	for _, one := range a.clusters {
		store, err := one.Store(ctx)
		if err != nil {
			continue // its run says what is wrong with it
		}
		name := fmt.Sprint(store)
		if other, taken := owner[name]; taken {
			at := one.Config.Checkpoint.Position
			problems = append(problems, config.Problem{
				File: a.ConfigFile, Line: at.Line, Column: at.Column, Key: "checkpoint", Severity: config.Error,
				Text: fmt.Sprintf("cluster %s: %s is the checkpoint of cluster %s already", one.Config.ClusterName, name, other),
				Hint: "each cluster has one of its own",
			})
		}
		owner[name] = one.Config.ClusterName
	}
	if len(problems) > 0 {
		return &ConfigError{problems}
	}
	return nil
}

// runClusters makes a run of each cluster, several at a time. None waits for
// another's fault; each has its share of the time, and what one leaves of its
// share is for those after it.
func (a *App) runClusters(ctx context.Context, o RunOptions) (run.Report, error) {
	began := time.Now()
	if err := a.checkCheckpoints(ctx); err != nil {
		return run.Report{}, err
	}
	o.Progress = nil // it is of one run
	clusters := slices.DeleteFunc(slices.Clone(a.clusters), func(one *App) bool {
		return len(o.Clusters) > 0 && !slices.Contains(o.Clusters, one.Config.ClusterName)
	})
	reports := make([]run.Report, len(clusters))
	errs := make([]error, len(clusters))
	free := make(chan struct{}, a.clusters[0].share)
	var running sync.WaitGroup
	for i, one := range clusters {
		free <- struct{}{}
		own := o
		if o.Deadline > 0 {
			own.Deadline = shareOf(o.Deadline-time.Since(began), len(clusters)-i, cap(free))
		}
		running.Go(func() {
			defer func() { <-free }()
			if reports[i], errs[i] = one.Run(ctx, own); errs[i] != nil {
				errs[i] = fmt.Errorf("cluster %s: %w", one.Config.ClusterName, errs[i])
			}
		})
	}
	running.Wait()
	named := map[string]run.Report{}
	for i, one := range clusters {
		if errs[i] != nil && reports[i].Error == "" {
			reports[i].Error = errs[i].Error()
		}
		named[one.Config.ClusterName] = reports[i]
	}
	err := errors.Join(errs...)
	return run.Together(named, time.Since(began), err), err
}

// shareOf is how long the next run may take when so many still wait, as many at
// a time as there are slots. It is more than 0, which would be no bound.
func shareOf(left time.Duration, waiting, slots int) time.Duration {
	rounds := (waiting + slots - 1) / slots
	return max(left/time.Duration(rounds), time.Nanosecond)
}
