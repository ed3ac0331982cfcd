package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/deploy/local/kube"
)

// kubectl stands in for the real one, as the cluster's admin, with as much of it
// as the scripts need:
//
//	kubectl apply -f FILE           with $NAME in it replaced, as by envsubst
//	kubectl create configmap NAME [--from-file=KEY=FILE] [-n NAMESPACE]
//	[!] kubectl get configmap NAME [-n NAMESPACE] -o json
//	kubectl get events [-A | -n NAMESPACE] -o json
//	kubectl delete configmap NAME [-n NAMESPACE]
func kubectl(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	args, namespace := option(args, "-n", w.namespace)
	args, output := option(args, "-o", "")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	configMaps := "/api/v1/namespaces/" + namespace + "/configmaps"
	var err error
	switch verb := strings.Join(args[:min(2, len(args))], " "); {
	case verb == "apply -f" && len(args) == 3:
		err = w.apply(ctx, os.Expand(ts.ReadFile(args[2]), ts.Getenv))
	case verb == "create configmap" && len(args) >= 3:
		err = w.createConfigMap(ctx, ts, configMaps, args[2], args[3:])
	case verb == "get configmap" && len(args) == 3 && output == "json":
		err = w.print(ctx, ts, configMaps+"/"+args[2])
	case verb == "delete configmap" && len(args) == 3:
		_, err = w.client.Do(ctx, http.MethodDelete, configMaps+"/"+args[2], kube.JSON, nil)
	case verb == "get events" && len(args) == 2 && output == "json":
		err = w.printEvents(ctx, ts, "/api/v1/namespaces/"+namespace+"/events")
	case verb == "get events" && len(args) == 3 && args[2] == "-A" && output == "json":
		err = w.printEvents(ctx, ts, "/api/v1/events")
	default:
		ts.Fatalf("this kubectl does not know %q", args)
	}
	if neg && err == nil {
		ts.Fatalf("unexpected success")
	}
	if neg && kube.Is(err, http.StatusNotFound) {
		return
	}
	ts.Check(err)
}

func (w *world) createConfigMap(ctx context.Context, ts *testscript.TestScript, path, name string, from []string) error {
	data := map[string]string{}
	for _, option := range from {
		key, file, found := strings.Cut(strings.TrimPrefix(option, "--from-file="), "=")
		if !found {
			return fmt.Errorf("want --from-file=KEY=FILE, got %s", option)
		}
		data[key] = ts.ReadFile(file)
	}
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{"name": name}, "data": data})
	if err != nil {
		return err
	}
	_, err = w.client.Do(ctx, http.MethodPost, path, kube.JSON, body)
	return err
}

// print writes an object as the API server has it.
func (w *world) print(ctx context.Context, ts *testscript.TestScript, path string) error {
	answer, err := w.client.Do(ctx, http.MethodGet, path, kube.JSON, nil)
	if err != nil {
		return err
	}
	_, err = ts.Stdout().Write(answer)
	return err
}

// printEvents writes a list as kubectl does: the kind of each item stands in the
// item, keys are in the order of the alphabet, and the list has no version.
func (w *world) printEvents(ctx context.Context, ts *testscript.TestScript, path string) error {
	var list struct {
		Items []map[string]any `json:"items"`
	}
	if err := w.client.Get(ctx, path, &list); err != nil {
		return err
	}
	for _, item := range list.Items {
		item["apiVersion"], item["kind"] = "v1", "Event"
	}
	text, err := json.MarshalIndent(map[string]any{
		"apiVersion": "v1", "kind": "List", "items": list.Items, "metadata": map[string]any{"resourceVersion": ""},
	}, "", "    ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(ts.Stdout(), "%s\n", text)
	return err
}

// bind gives the rights of a manifest's ServiceAccounts to a user of the cluster.
//
//	bind USER FILE
func bind(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		usage(ts, "bind USER FILE", args)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ts.Check(worldOf(ts).applyEach(ctx, ts.ReadFile(args[1]), func(object map[string]any) {
		if _, binding := object["subjects"]; binding {
			object["subjects"] = []any{map[string]any{"kind": "User", "name": args[0]}}
		}
	}))
}

// apply writes the objects of a YAML file.
func (w *world) apply(ctx context.Context, text string) error {
	return w.applyEach(ctx, text, func(map[string]any) {})
}

func (w *world) applyEach(ctx context.Context, text string, change func(object map[string]any)) error {
	dec := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	for {
		var object map[string]any
		err := dec.Decode(&object)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		change(object)
		path, err := w.path(object)
		if err != nil {
			return err
		}
		if err := w.client.Apply(ctx, path, object); err != nil {
			return err
		}
	}
}

// path is where an object lives in the API.
func (w *world) path(object map[string]any) (string, error) {
	places := map[string]string{
		"Namespace": "namespaces", "ClusterRole": "clusterroles", "ClusterRoleBinding": "clusterrolebindings",
		"ConfigMap": "namespaces/%s/configmaps", "Event": "namespaces/%s/events",
		"ServiceAccount": "namespaces/%s/serviceaccounts", "Lease": "namespaces/%s/leases",
		"Role": "namespaces/%s/roles", "RoleBinding": "namespaces/%s/rolebindings",
	}
	kind := fmt.Sprint(object["kind"])
	place, known := places[kind]
	if !known {
		return "", fmt.Errorf("this kubectl does not know the kind %s", kind)
	}
	metadata, _ := object["metadata"].(map[string]any)
	if strings.Contains(place, "%s") {
		namespace, given := metadata["namespace"].(string)
		if !given {
			namespace = w.namespace
			metadata["namespace"] = namespace
		}
		place = fmt.Sprintf(place, namespace)
	}
	root := "/apis/"
	if object["apiVersion"] == "v1" {
		root = "/api/"
	}
	return root + fmt.Sprint(object["apiVersion"]) + "/" + place + "/" + fmt.Sprint(metadata["name"]), nil
}
