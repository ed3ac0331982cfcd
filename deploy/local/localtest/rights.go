package localtest

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/kube"
)

// Right is something that a Role may allow, of the core group.
type Right struct{ Namespace, Verb, Resource, Name string }

// AwaitRights waits until a ServiceAccount may do all of these, or none of them: the API server's authorizer reads Roles
// and bindings from a cache, each kind from its own, so that what was just applied need not be so yet. One right of each
// Role is enough.
func AwaitRights(t testing.TB, cluster *local.Cluster, namespace, account string, allowed bool, rights ...Right) {
	t.Helper()
	for _, r := range rights {
		review := authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:               "system:serviceaccount:" + namespace + ":" + account,
			Groups:             []string{"system:serviceaccounts", "system:authenticated"},
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: r.Namespace, Verb: r.Verb, Resource: r.Resource, Name: r.Name},
		}}
		review.APIVersion, review.Kind = "authorization.k8s.io/v1", "SubjectAccessReview"
		question, err := json.Marshal(review)
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			answer, err := cluster.Client().Do(t.Context(), http.MethodPost, "/apis/authorization.k8s.io/v1/subjectaccessreviews", kube.JSON, question)
			return err == nil && json.Unmarshal(answer, &review) == nil && review.Status.Allowed == allowed
		}, 2*time.Minute, 10*time.Millisecond, "%+v of %s/%s: %t", r, namespace, account, allowed)
	}
}
