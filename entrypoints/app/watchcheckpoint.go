package app

import (
	"cmp"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	stateall "github.com/packetboat/packetboat/state/all"
)

// nameCheckpoint finds a place for the checkpoint where nobody has named one, as
// kubernetes-event-exporter's files do not: a ConfigMap beside the leader's Lease.
func (k *watcher) nameCheckpoint() {
	a := k.app
	if a.Checkpoint != "" || a.Config.Checkpoint != nil {
		return
	}
	if k.memory != nil {
		a.store = k.memory
		return
	}
	a.Checkpoint = a.checkpointOfWatch()
	a.Log.Info("no checkpoint is named in the configuration, using a ConfigMap", "checkpoint", a.Checkpoint)
	a.unnamed = true
}

// checkpointOfWatch is where a watch keeps the checkpoint that nobody has named.
func (a *App) checkpointOfWatch() string {
	return "configmap:" + cmp.Or(a.namespace(), "default") + "/packetboat-" + a.Config.LeaderElection.ID
}

// unlisted goes on in memory if the checkpoint that nobody named cannot be
// written: an existing installation must not fail for the want of a right that
// it never needed.
func (k *watcher) unlisted(err error) bool {
	var answer apierrors.APIStatus
	if !k.app.unnamed || !errors.As(err, &answer) || !hopeless(err) && !apierrors.IsNotFound(err) {
		return false
	}
	if details := answer.Status().Details; details == nil || details.Kind != "configmaps" {
		return false // it is about events
	}
	k.app.Log.Error("THE CHECKPOINT IS KEPT IN MEMORY: what happens while this process restarts is lost; "+
		"grant get, create and patch on configmaps, or name a checkpoint", "checkpoint", k.app.Checkpoint, "error", err)
	k.memory = stateall.Memory()
	k.app.Checkpoint, k.app.unnamed = "", false
	return true
}
