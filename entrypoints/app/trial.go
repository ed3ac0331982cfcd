package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/sinks"
)

// Trial is what became of one event that was sent to try a receiver.
type Trial struct {
	Receiver string        `json:"receiver"`
	ID       string        `json:"id"`    // of the event, to look for it at the receiver
	Bytes    int           `json:"bytes"` // of its payload
	Took     time.Duration `json:"-"`
	Millis   int64         `json:"ms"`
	// Verdict is accepted, or what a run would make of the error: transient is
	// tried again, refused is a dead letter, stop ends the receiver's run.
	Verdict string `json:"verdict"`
	Error   string `json:"error,omitempty"`
}

// Try sends one recognisable event to a receiver, past the rules, in one attempt
// and without a checkpoint. The error is nil if the receiver has accepted it.
func (a *App) Try(ctx context.Context, receiver string) (Trial, error) {
	if err := a.Config.KnowsReceivers(receiver); err != nil {
		return Trial{}, &UsageError{err}
	}
	if err := a.resolve(ctx, "receivers"); err != nil {
		return Trial{}, err
	}
	receivers, err := a.openSinks(ctx, metrics.Discard())
	if err != nil {
		return Trial{}, err
	}
	trial := Trial{Receiver: receiver}
	for _, r := range receivers {
		if r.Name == receiver {
			ctx, cancel := context.WithTimeout(ctx, r.Delivery.Timeout)
			defer cancel()
			err = trial.send(ctx, r.sink, a.trialEvent())
		}
		err = errors.Join(err, r.sink.Close(ctx))
	}
	return trial, err
}

func (t *Trial) send(ctx context.Context, sink sinks.Sink, ev *event.Event) error {
	t.ID = ev.ID()
	record, err := sink.Encode(ev)
	if err != nil {
		t.Verdict, t.Error = "refused", err.Error()
		return fmt.Errorf("encode: %w", err)
	}
	t.Bytes = len(record.Body)
	began := time.Now()
	err = sink.Send(ctx, []sinks.Record{record})
	t.Took = time.Since(began)
	t.Millis = t.Took.Milliseconds()
	if partial := (*sinks.PartialError)(nil); errors.As(err, &partial) && partial.Refused[0] != nil {
		err = partial.Refused[0]
	}
	switch {
	case err == nil:
		t.Verdict = "accepted"
		return nil
	case sinks.IsStop(err):
		t.Verdict = "stop"
	case sinks.IsPermanent(err):
		t.Verdict = "refused"
	default:
		t.Verdict = "transient"
	}
	t.Error = err.Error()
	return fmt.Errorf("receiver %s: %w", t.Receiver, err)
}

// trialEvent is one that nobody can take for a real one.
func (a *App) trialEvent() *event.Event {
	now := time.Now().UTC().Truncate(time.Second)
	host, _ := os.Hostname()
	name := fmt.Sprintf("packetboat-test.%x", time.Now().UnixNano())
	at := metav1.NewTime(now)
	return event.New(corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: metav1.NamespaceDefault, Name: name, UID: types.UID(name), ResourceVersion: "1", CreationTimestamp: at,
		},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Namespace", Name: metav1.NamespaceDefault, Namespace: metav1.NamespaceDefault,
		},
		Reason: "PacketboatTest", Message: "This is a test of packetboat from " + host + " at " + now.Format(time.RFC3339) + "; nothing has happened.",
		Type: corev1.EventTypeNormal, Count: 1, FirstTimestamp: at, LastTimestamp: at,
		Source: corev1.EventSource{Component: "packetboat"}, ReportingController: "packetboat",
	}, a.Config.ClusterName)
}
