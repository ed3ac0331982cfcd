// Package event is the noun of the program: one version of one Kubernetes
// event, with what is known of the object that it is about.
//
// An Event is immutable once a source has handed it out; it may be read from
// any number of goroutines. Its JSON is the format that kubernetes-event-exporter
// writes, key for key and in the same order.
package event

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Event is one version of a Kubernetes event. Templates see it as their dot,
// so its fields and methods are part of the configuration format.
type Event struct {
	corev1.Event   `json:",inline"`
	ClusterName    string         `json:"clusterName"`
	InvolvedObject InvolvedObject `json:"involvedObject"`
}

// InvolvedObject is the object that the event is about. Labels, Annotations,
// OwnerReferences and Deleted are not part of the event: they are looked up,
// or come with an exported event that is read from a file.
type InvolvedObject struct {
	corev1.ObjectReference `json:",inline"`
	Labels                 map[string]string       `json:"labels,omitempty"`
	Annotations            map[string]string       `json:"annotations,omitempty"`
	OwnerReferences        []metav1.OwnerReference `json:"ownerReferences,omitempty"`
	Deleted                bool                    `json:"deleted"`
}

// New takes an event as the API server wrote it.
func New(ev corev1.Event, clusterName string) *Event {
	// Upstream drops managedFields too: they are half of an event's size and nobody routes on them.
	ev.ManagedFields = nil
	return &Event{
		Event:          ev,
		ClusterName:    clusterName,
		InvolvedObject: InvolvedObject{ObjectReference: ev.InvolvedObject},
	}
}

// ID identifies this version of the event for deduplication at a receiver: it
// is the same however often the version is sent. The event itself, over all of
// its versions, is identified by UID. Events that were never stored by an API
// server have no UID; they are identified by namespace and name.
func (e *Event) ID() string {
	if e.UID == "" {
		return e.Namespace + "/" + e.Name + "." + e.ResourceVersion
	}
	return string(e.UID) + "." + e.ResourceVersion
}

// Time is when the event last happened: the first that is set of the series'
// last observation, lastTimestamp, eventTime, firstTimestamp and the time of
// creation. It is zero only if none is set.
func (e *Event) Time() time.Time {
	if e.Series != nil && !e.Series.LastObservedTime.IsZero() {
		return e.Series.LastObservedTime.UTC()
	}
	for _, t := range []time.Time{
		e.LastTimestamp.Time, e.EventTime.Time, e.FirstTimestamp.Time, e.CreationTimestamp.Time,
	} {
		if !t.IsZero() {
			return t.UTC()
		}
	}
	return time.Time{}
}

// Occurrences is how often the event has happened so far. Core recorders count
// in count, events.k8s.io recorders in series.count; an event that has neither
// happened once.
func (e *Event) Occurrences() int32 {
	n := max(e.Count, 1)
	if e.Series != nil {
		n = max(n, e.Series.Count)
	}
	return n
}

// Component is who reported the event: source.component, or for events written
// through events.k8s.io the reporting controller.
func (e *Event) Component() string {
	if e.Source.Component != "" {
		return e.Source.Component
	}
	return e.ReportingController
}

// Host is where the reporter ran: source.host, or for events written through
// events.k8s.io the reporting instance.
func (e *Event) Host() string {
	if e.Source.Host != "" {
		return e.Source.Host
	}
	return e.ReportingInstance
}

// GetTimestampMs is Time in milliseconds since 1970, 0 if there is none. Its
// name is upstream's: templates call it.
func (e *Event) GetTimestampMs() int64 {
	t := e.Time()
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// GetTimestampISO8601 is Time in UTC with milliseconds, "" if there is none.
// Its name is upstream's: templates call it.
func (e *Event) GetTimestampISO8601() string {
	t := e.Time()
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02T15:04:05.000Z")
}

// ToJSON is the event in its default JSON. Its name is upstream's: templates
// call it.
func (e *Event) ToJSON() []byte {
	// In one go: what an ordinary event takes beside its texts.
	return e.appendJSON(make([]byte, 0, 1536+len(e.Message)))
}
