package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/packetboat/packetboat/deploy/local/kube"
	"github.com/packetboat/packetboat/deploy/local/load"
)

const (
	demoNamespace   = "demo"
	demoDeployments = "/apis/apps/v1/namespaces/demo/deployments"
	demoReplicas    = 3
)

// demo replaces the Deployment of the last call by a new one and waits until the controllers have written about it. It
// does not scale an old one: a recorder allows an object 25 events and then one in five minutes.
func demo(ctx context.Context, client *kube.Client, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := load.Namespace(ctx, client, demoNamespace); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	_, err := client.Do(ctx, http.MethodDelete, demoDeployments+"?labelSelector=app%3Dshop", kube.JSON,
		[]byte(`{"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}`))
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	name := "shop-" + time.Now().UTC().Format("20060102-150405.000")
	name = strings.ReplaceAll(name, ".", "-") // A pod's host name has no dots.
	if err := client.Apply(ctx, demoDeployments+"/"+name, deployment(name)); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	reasons, err := waitForEvents(ctx, client, name)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	fmt.Fprintf(out, "demo: created deployment %s/%s; its controllers wrote ScalingReplicaSet %d, SuccessfulCreate %d, FailedScheduling %d (there are no nodes)\n",
		demoNamespace, name, reasons["ScalingReplicaSet"], reasons["SuccessfulCreate"], reasons["FailedScheduling"])
	return nil
}

func deployment(name string) map[string]any {
	type object = map[string]any
	return object{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": object{"name": name, "namespace": demoNamespace, "labels": object{"app": "shop"}},
		"spec": object{
			"replicas": demoReplicas,
			"selector": object{"matchLabels": object{"deployment": name}},
			"template": object{
				"metadata": object{"labels": object{"app": "shop", "deployment": name}},
				"spec":     object{"containers": []object{{"name": "main", "image": "example.com/shop:1"}}},
			},
		},
	}
}

// waitForEvents returns how many events there are by reason, once all that must come have come.
func waitForEvents(ctx context.Context, client *kube.Client, name string) (map[string]int, error) {
	for {
		reasons, err := countEvents(ctx, client, name)
		if err != nil {
			return nil, err
		}
		if reasons["ScalingReplicaSet"] >= 1 && reasons["SuccessfulCreate"] >= demoReplicas && reasons["FailedScheduling"] >= demoReplicas {
			return reasons, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for events about deployment %s, so far %v: %w", name, reasons, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func countEvents(ctx context.Context, client *kube.Client, name string) (map[string]int, error) {
	var list struct {
		Items []struct {
			Reason         string `json:"reason"`
			InvolvedObject struct {
				Name string `json:"name"`
			} `json:"involvedObject"`
		} `json:"items"`
	}
	if err := client.Get(ctx, "/api/v1/namespaces/"+demoNamespace+"/events", &list); err != nil {
		return nil, err
	}
	reasons := map[string]int{}
	for _, ev := range list.Items {
		if strings.HasPrefix(ev.InvolvedObject.Name, name) {
			reasons[ev.Reason]++
		}
	}
	return reasons, nil
}
