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
	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/core/source"
)

// choose keeps those of the configuration's clusters that the caller wants, and
// makes an App of each. One alone is as if the configuration had no other.
func (a *App) choose(ctx context.Context) error {
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
	if err := a.checkCheckpoints(ctx); err != nil {
		return err
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
		one := configOf(a.Config, c, atOnce)
		one.References = without(one.References, func(key string) bool { return !isBelow(key, c.Key) })
		a.clusters = append(a.clusters, &App{
			Options: a.Options, Config: one, Warnings: a.Warnings, Log: a.Log.With("cluster", c.Name),
			basis: &basis{values: map[string]secret.String{}}, shard: a.shard, share: atOnce,
		})
	}
	shared := *a.Config
	shared.References = without(shared.References, func(key string) bool { return isBelow(key, "clusters") })
	a.Config = &shared
	return nil
}

func without(all []config.Reference, these func(key string) bool) []config.Reference {
	return slices.DeleteFunc(slices.Clone(all), func(r config.Reference) bool { return these(r.Key) })
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
// with those that are read at the same time. The secrets of the others are none of its.
func configOf(all *config.Config, c config.NamedCluster, atOnce int) *config.Config {
	one := *all
	one.Clusters, one.Cluster, one.ClusterName = nil, c.Cluster, c.Name
	one.References = without(all.References, func(key string) bool { return isBelow(key, "clusters") && !isBelow(key, c.Key) })
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
// kube-system may not be read. It looks at all of them, because the others may be
// read by other processes, and asks nobody.
func (a *App) checkCheckpoints(ctx context.Context) error {
	owner := map[string]string{}
	var problems []config.Problem
	for _, c := range a.Config.Clusters {
		one := App{Options: Options{ConfigFile: a.ConfigFile, Namespace: a.Namespace}, Config: configOf(a.Config, c, 1)}
		at := one.Config.Checkpoint.Position
		problem := config.Problem{File: a.ConfigFile, Line: at.Line, Column: at.Column, Key: "checkpoint", Severity: config.Error}
		store, err := one.openStore(ctx)
		name := fmt.Sprint(store)
		other, taken := owner[name]
		switch {
		case err != nil:
			problem.Text = fmt.Sprintf("cluster %s: %v", c.Name, err)
			problems = append(problems, problem)
			continue
		case taken:
			problem.Text = fmt.Sprintf("cluster %s: %s is the checkpoint of cluster %s already", c.Name, name, other)
			problem.Hint = "each cluster has one of its own"
			problems = append(problems, problem)
		}
		owner[name] = c.Name
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
	if err := a.resolve(ctx); err != nil { // the receivers' secrets are everybody's
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
	err := together(errs)
	return run.Together(named, time.Since(began), err), err
}

// clusterErrors are those of the clusters of one run.
type clusterErrors []error

func (e clusterErrors) Error() string   { return errors.Join(e...).Error() }
func (e clusterErrors) Unwrap() []error { return e }

// together is nil if all of them are.
func together(errs []error) error {
	if errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil }); len(errs) == 0 {
		return nil
	}
	return clusterErrors(errs)
}

// shareOf is how long the next run may take when so many still wait, as many at
// a time as there are slots. It is more than 0, which would be no bound.
func shareOf(left time.Duration, waiting, slots int) time.Duration {
	rounds := (waiting + slots - 1) / slots
	return max(left/time.Duration(rounds), time.Nanosecond)
}
