package kustomize_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/kube"
)

// right is one verb on one resource in one rule, the smallest that can be left out.
type right struct{ verb, resource, name string }

func (r right) String() string { return strings.TrimSpace(r.verb + " " + r.resource + " " + r.name) }

// rightsOf is every right in the rules of Roles, with where it is, and the Role.
func rightsOf(t *testing.T, objects []object) map[right]object {
	t.Helper()
	rights := map[right]object{}
	for _, o := range objects {
		for _, rule := range rulesOf(t, o) {
			for _, r := range split(rule) {
				require.NotContains(t, rights, r, "it is granted twice, so that each is one too many")
				rights[r] = o
			}
		}
	}
	return rights
}

func rulesOf(t *testing.T, o object) []rbacv1.PolicyRule {
	t.Helper()
	if o.kind() != "Role" && o.kind() != "ClusterRole" {
		return nil
	}
	var role rbacv1.ClusterRole
	o.into(t, &role)
	return role.Rules
}

func split(rule rbacv1.PolicyRule) []right {
	var rights []right
	for _, verb := range rule.Verbs {
		for _, resource := range rule.Resources {
			if rule.APIGroups[0] != "" {
				resource += "." + rule.APIGroups[0]
			}
			rights = append(rights, right{verb, resource, strings.Join(rule.ResourceNames, ",")})
		}
	}
	return rights
}

// without is a Role less one right.
func without(t *testing.T, o object, r right) object {
	t.Helper()
	var rules []rbacv1.PolicyRule
	for _, rule := range rulesOf(t, o) {
		for _, each := range split(rule) {
			if each == r {
				continue
			}
			resource, group, _ := strings.Cut(each.resource, ".")
			rules = append(rules, rbacv1.PolicyRule{
				Verbs: []string{each.verb}, APIGroups: []string{group}, Resources: []string{resource}, ResourceNames: rule.ResourceNames,
			})
		}
	}
	less := object{}
	for key, value := range o {
		less[key] = value
	}
	less["rules"] = rules
	return less
}

// granted is what the API server itself says that a user may do in a namespace.
func (w world) granted(t *testing.T, kubeconfig, in string) []right {
	t.Helper()
	client, err := kube.FromFile(kubeconfig)
	require.NoError(t, err)
	defer client.Close()
	answer, err := client.Do(t.Context(), http.MethodPost, "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", kube.JSON,
		[]byte(`{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": "`+in+`"}}`))
	require.NoError(t, err)
	var review struct {
		Status struct {
			Incomplete    bool
			ResourceRules []rbacv1.PolicyRule
		}
	}
	require.NoError(t, json.Unmarshal(answer, &review))
	require.False(t, review.Status.Incomplete)
	var rights []right
	for _, rule := range review.Status.ResourceRules {
		rights = append(rights, split(rule)...)
	}
	return rights
}

// own is what the ServiceAccount may do in a namespace beyond what every
// ServiceAccount may.
func (w world) own(t *testing.T, in string) []right {
	t.Helper()
	w.apply(t, object{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": map[string]any{"name": "stranger", "namespace": namespace}})
	everybody := w.granted(t, w.as(t, "stranger"), in)
	require.NotEmpty(t, everybody, "such as to ask this question")
	return slices.DeleteFunc(w.granted(t, w.as(t, account), in), func(r right) bool { return slices.Contains(everybody, r) })
}

// within is what the Roles give in a namespace.
func within(rights map[right]object, in string) []right {
	var all []right
	for r, o := range rights {
		if scope := o.metadata("namespace"); scope == "" || scope == in {
			all = append(all, r)
		}
	}
	return all
}

// listed is the same of rights that may be there in several namespaces.
func listed(t *testing.T, objects []object, in string) []right {
	t.Helper()
	var all []right
	for _, o := range objects {
		if scope := o.metadata("namespace"); scope == "" || scope == in {
			for _, rule := range rulesOf(t, o) {
				all = append(all, split(rule)...)
			}
		}
	}
	return all
}

// settles waits until the API server's authorizer knows what was applied: it
// reads roles from a cache.
func (w world) settles(t *testing.T, in string, want []right) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		have := w.own(t, in)
		if same(want, have) || time.Now().After(deadline) {
			require.ElementsMatch(t, want, have, in)
			return
		}
	}
}

func less(rights []right, r right) []right {
	return slices.DeleteFunc(rights, func(each right) bool { return each == r })
}

func same(a, b []right) bool {
	if len(a) != len(b) {
		return false
	}
	return !slices.ContainsFunc(a, func(r right) bool { return !slices.Contains(b, r) })
}

// TestInACluster is what the API server says of the overlays.
func TestInACluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	t.Run("the server takes all of it", func(t *testing.T) { testServerTakesAllOfIt(t, w) })
	t.Run("no other right", func(t *testing.T) { testNoOtherRight(t, w) })
}

// testNoOtherRight asks the API server what the ServiceAccount may do after an
// overlay was applied: in the namespace of the manifests, and in others.
func testNoOtherRight(t *testing.T, w world) {
	for overlay := range overlays {
		t.Run(overlay, func(t *testing.T) {
			objects := render(t, overlay)
			w.apply(t, objects...)
			rights := rightsOf(t, objects)
			assert.Equal(t, overlay == "cronjob-fleet", len(rights) == 0)
			for _, in := range []string{namespace, "default", "kube-system", "kube-public"} {
				w.settles(t, in, within(rights, in))
			}
			for _, o := range objects {
				w.remove(t, o.path())
			}
		})
	}
}
