package run

import (
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/state"
)

// errRewrittenMeanwhile ends a run: pages of the old history may be on their way
// to a receiver, and a cursor of theirs would count in the new one. The next run
// sees the same signs, because nothing of the new history was committed.
var errRewrittenMeanwhile = errors.New("the cluster's history was rewritten while this run was at work; the next run reads everything retained again")

// note takes what a page says about a gap or a reset.
func (j *Job) note(page *source.Page, rewind func(next state.Cursor) error) error {
	n := page.Notice
	if n == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	reason := "EventsLost"
	if n.Reset {
		reason = "HistoryRewritten"
		if err := rewind(page.Next); err != nil {
			return err
		}
		j.reset = n
		j.Metrics.Source.Resets.Inc()
		j.Log.Error("the cluster's history was rewritten, everything retained is read again",
			"from", n.From, "to", n.To, "reason", n.Reason)
	} else {
		j.gap = n
		j.Metrics.Source.Gaps.Inc()
		j.Log.Error("events were lost before they were read", "from", n.From, "to", n.To, "reason", n.Reason)
	}
	if j.ReportNotices {
		page.Events = append([]*event.Event{noticeEvent(reason, n, j.Now())}, page.Events...)
	}
	return nil
}

// rewindAll puts every cursor of this cluster back to the beginning, those of
// receivers that are stopped or not configured too: once the new history has
// passed an old cursor, nothing tells that it is of another one. They are handed
// to the committer before any page of the new history, so that no commit can
// have one without the others.
func (j *Job) rewindAll(c *committer, lanes []*lane, next state.Cursor) error {
	for _, name := range c.known {
		next.State = c.current.Clusters[c.cluster][name].State
		c.settled(name, next)
	}
	for _, l := range lanes {
		// What was told stays told: the same events come again.
		next.State = l.settled.Load().State
		c.settled(l.Name, next)
		l.offered, l.readAt = next, time.Time{}
		if j.ResetSince > 0 {
			l.notBefore = l.now.Add(-j.ResetSince)
		}
	}
	return nil
}

// noticeEvent is a gap or a reset as an event, for receivers. It is told again
// under the same ID if the run dies.
func noticeEvent(reason string, n *source.Notice, now time.Time) *event.Event {
	at := metav1.NewTime(now.UTC().Truncate(time.Second))
	return event.New(corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: metav1.NamespaceDefault, Name: "packetboat." + reason + "." + n.From,
			UID: types.UID("packetboat-" + reason + "-" + n.From), CreationTimestamp: at,
		},
		InvolvedObject: corev1.ObjectReference{Kind: "Namespace", APIVersion: "v1", Name: metav1.NamespaceSystem},
		Reason:         reason,
		Message:        n.Reason + " (from " + n.From + " to " + n.To + ")",
		Type:           corev1.EventTypeWarning, Count: 1, FirstTimestamp: at, LastTimestamp: at,
		Source: corev1.EventSource{Component: "packetboat"}, ReportingController: "packetboat",
	}, "")
}
