// Command reader reads events by client-go alone and discards them: the least
// that any reader of the same events takes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "the cluster")
	chunk := flag.Int64("chunk", 5000, "events per page of a list")
	json := flag.Bool("json", false, "ask for JSON instead of protobuf")
	since := flag.String("since", "", "watch after this resourceVersion instead of listing")
	want := flag.Int("want", 0, "how many events there are")
	flag.Parse()
	if err := run(context.Background(), *kubeconfig, *since, *chunk, *want, *json); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig, since string, chunk int64, want int, json bool) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	config.ContentType = runtime.ContentTypeProtobuf
	if json {
		config.ContentType = runtime.ContentTypeJSON
	}
	config.AcceptContentTypes = config.ContentType
	core, err := client.NewForConfig(config)
	if err != nil {
		return err
	}
	events := core.Events("")
	read := 0
	if since != "" {
		read, err = watch(ctx, events, since, want)
	} else {
		read, err = list(ctx, events, chunk)
	}
	if err == nil && read < want {
		err = fmt.Errorf("read %d events of %d", read, want)
	}
	return err
}

func list(ctx context.Context, events client.EventInterface, chunk int64) (read int, _ error) {
	for next := ""; ; {
		page, err := events.List(ctx, metav1.ListOptions{Limit: chunk, Continue: next})
		if err != nil {
			return read, err
		}
		read += len(page.Items)
		if next = page.Continue; next == "" {
			return read, nil
		}
	}
}

// watch counts those of the benchmark: packetboat's markers come by, too.
func watch(ctx context.Context, events client.EventInterface, since string, want int) (read int, _ error) {
	w, err := events.Watch(ctx, metav1.ListOptions{ResourceVersion: since})
	if err != nil {
		return 0, err
	}
	defer w.Stop()
	for change := range w.ResultChan() {
		if ev, ok := change.Object.(*corev1.Event); ok && ev.Reason == "BackOff" {
			if read++; read == want {
				return read, nil
			}
		}
	}
	return read, errors.New("the watch ended")
}
