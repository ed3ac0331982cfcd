package kube

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const group = "/apis/rbac.authorization.k8s.io/v1"

func changesRights(method, path string) bool {
	return method != http.MethodGet && strings.HasPrefix(path, group+"/") && !strings.Contains(path, "dryRun=")
}

// AwaitRights returns when the API server decides by every role and binding that anybody has written so far. It decides by
// copies, one for each of the four kinds, each of which follows the writes of its kind in their order: once rights for a
// user that nobody has heard of before are in force, all that was written before them is.
func (c *Client) AwaitRights(ctx context.Context) error {
	user := strings.ToLower(rand.Text())
	rule := map[string]any{"apiGroups": []string{"packetboat.test"}, "resources": []string{user}, "verbs": []string{"get"}}
	for _, kind := range []struct{ path, role, binding string }{
		{group + "/clusterroles/", "ClusterRole", "ClusterRoleBinding"},
		{group + "/namespaces/default/roles/", "Role", "RoleBinding"},
	} {
		name := "barrier-" + user // its own: others may wait at the same time
		role := map[string]any{"rules": []any{rule}}
		binding := map[string]any{
			"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": kind.role, "name": name},
			"subjects": []any{map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": kind.role + user}},
		}
		bindings := strings.Replace(kind.path, "roles/", "rolebindings/", 1)
		for _, o := range []struct {
			path, kind string
			object     map[string]any
		}{{kind.path, kind.role, role}, {bindings, kind.binding, binding}} {
			o.object["apiVersion"], o.object["kind"] = "rbac.authorization.k8s.io/v1", o.kind
			o.object["metadata"] = map[string]any{"name": name}
			body, err := json.Marshal(o.object)
			if err != nil {
				return fmt.Errorf("encode %s: %w", o.kind, err)
			}
			if _, err := c.send(ctx, http.MethodPatch, o.path+name+"?fieldManager=packetboat-local&force=true", Apply, body); err != nil {
				return err
			}
		}
		if err := c.awaitRight(ctx, kind.role+user, user); err != nil {
			return err
		}
		for _, path := range []string{bindings, kind.path} {
			if _, err := c.send(ctx, http.MethodDelete, path+name, JSON, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Client) awaitRight(ctx context.Context, user, resource string) error {
	review, err := json.Marshal(map[string]any{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
		"spec": map[string]any{"user": user, "resourceAttributes": map[string]any{
			"group": "packetboat.test", "resource": resource, "verb": "get", "namespace": "default",
		}},
	})
	if err != nil {
		return fmt.Errorf("encode review: %w", err)
	}
	for {
		answer, err := c.send(ctx, http.MethodPost, "/apis/authorization.k8s.io/v1/subjectaccessreviews", JSON, review)
		if err != nil {
			return err
		}
		var is struct{ Status struct{ Allowed bool } }
		if err := json.Unmarshal(answer, &is); err != nil {
			return fmt.Errorf("decode review: %w", err)
		}
		if is.Status.Allowed {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for rights: %w", context.Cause(ctx))
		case <-time.After(2 * time.Millisecond):
		}
	}
}
