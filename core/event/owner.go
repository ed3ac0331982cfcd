package event

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// podTemplateHash is the label by which a Deployment tells its ReplicaSets
// apart; the same text ends their names.
const podTemplateHash = "pod-template-hash"

// Owner is what a person calls the thing: the controller of the involved object,
// as KIND/NAME, or the object itself if it has none or nothing is known of it.
// For a Pod of a Deployment it is the Deployment, which stays when its
// ReplicaSets come and go.
func (e *Event) Owner() string {
	o := e.InvolvedObject
	owner := metav1.GetControllerOf(&metav1.ObjectMeta{OwnerReferences: o.OwnerReferences})
	if owner == nil {
		return o.Kind + "/" + o.Name
	}
	if hash := o.Labels[podTemplateHash]; hash != "" && owner.Kind == "ReplicaSet" {
		if name, found := strings.CutSuffix(owner.Name, "-"+hash); found {
			return "Deployment/" + name
		}
	}
	return owner.Kind + "/" + owner.Name
}
