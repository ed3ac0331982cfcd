// Command controlplane is etcd, the Kubernetes control plane and etcd's two tools in one binary: the first argument
// after its own two flags says which of them the process is. One binary links once where six would link six times.
//
//	controlplane [--pid-fd N] [--with-parent] etcd|etcdctl|etcdutl|kube-apiserver|... [that program's flags]
package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	_ "time/tzdata" // CronJobs with a timeZone need it on machines without zone files.

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/etcdctl/v3/ctlv3"
	"go.etcd.io/etcd/etcdutl/v3/etcdutl"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/version" // The metric that tells the version.
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func main() {
	programs := map[string]func() int{
		"etcd":                    func() int { etcdmain.Main(os.Args); return 0 },
		"etcdctl":                 func() int { ctlv3.MustStart(); return 0 },
		"etcdutl":                 func() int { return cli.Run(etcdutlCommand()) },
		"kube-apiserver":          func() int { return cli.Run(apiserver.NewAPIServerCommand()) },
		"kube-controller-manager": func() int { return cli.Run(controllermanager.NewControllerManagerCommand()) },
		"kube-scheduler":          func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
	}
	own := flag.NewFlagSet("controlplane", flag.ExitOnError)
	pidFD := own.Int("pid-fd", -1, "open file to write the process ID to and to hold, with its lock, until the process ends")
	withParent := own.Bool("with-parent", false, "end as soon as standard input does: a pipe that only the parent holds")
	_ = own.Parse(os.Args[1:])

	run := programs[own.Arg(0)]
	if run == nil {
		fmt.Fprintf(os.Stderr, "usage: controlplane [flags] %s [flags]\n", strings.Join(slices.Sorted(maps.Keys(programs)), "|"))
		os.Exit(2)
	}
	if err := holdPID(*pidFD); err != nil {
		fmt.Fprintf(os.Stderr, "controlplane: write process ID: %v\n", err)
		os.Exit(1)
	}
	if *withParent {
		go endWithParent()
	}
	// The programs read os.Args themselves and share flag sets that are global to a process, so a process is only ever
	// one of them.
	os.Args = own.Args()
	os.Exit(run())
}

// holdPID keeps the descriptor itself, never an os.File: a finalizer would close it and with it give up the lock.
func holdPID(fd int) error {
	if fd < 0 {
		return nil
	}
	syscall.CloseOnExec(fd)
	if err := syscall.Ftruncate(fd, 0); err != nil {
		return err
	}
	_, err := syscall.Pwrite(fd, []byte(strconv.Itoa(os.Getpid())), 0)
	return err
}

// endWithParent works however the parent ends: the kernel closes a pipe even of a process that was killed.
func endWithParent() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(1)
}

// etcdutlCommand is put together here because etcdutl's own root command is in its package main.
func etcdutlCommand() *cobra.Command {
	root := &cobra.Command{Use: "etcdutl", Short: "operate on etcd's files"}
	root.PersistentFlags().StringVarP(&etcdutl.OutputFormat, "write-out", "w", "simple", "fields, json, protobuf, simple or table")
	root.PersistentFlags().DurationVar(&etcdutl.FlockTimeout, "timeout", 0, "how long to wait for the lock of a database file; 0: for ever")
	root.AddCommand(etcdutl.NewSnapshotCommand(), etcdutl.NewHashKVCommand(), etcdutl.NewDefragCommand(), etcdutl.NewVersionCommand())
	return root
}
