package event

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// appendJSON appends the event's default JSON, byte for byte what encoding/json
// makes of it, at a tenth of the cost: a test compares them on random events, so
// that a field which a new version of Kubernetes adds is not forgotten.
func (e *Event) appendJSON(dst []byte) []byte {
	if len(e.ManagedFields) > 0 {
		// New leaves them out; an Event that was made in another way may have them.
		b, err := json.Marshal(e)
		if err != nil {
			return dst // of all fields only theirs may hold what is no JSON
		}
		return append(dst, b...)
	}
	w := writer{b: append(dst, '{')}
	w.text("kind", e.Kind)
	w.text("apiVersion", e.APIVersion)
	w.metadata(&e.ObjectMeta)
	w.text("reason", e.Reason)
	w.text("message", e.Message)
	w.object("source")
	w.text("component", e.Source.Component)
	w.text("host", e.Source.Host)
	w.end()
	w.time("firstTimestamp", e.FirstTimestamp.Time, time.RFC3339)
	w.time("lastTimestamp", e.LastTimestamp.Time, time.RFC3339)
	w.number("count", int64(e.Count))
	w.text("type", e.Type)
	w.time("eventTime", e.EventTime.Time, metav1.RFC3339Micro)
	if s := e.Series; s != nil {
		w.object("series")
		w.number("count", int64(s.Count))
		w.time("lastObservedTime", s.LastObservedTime.Time, metav1.RFC3339Micro)
		w.end()
	}
	w.text("action", e.Action)
	if e.Related != nil {
		w.object("related")
		w.reference(e.Related)
		w.end()
	}
	w.always("reportingComponent", e.ReportingController)
	w.always("reportingInstance", e.ReportingInstance)
	w.always("clusterName", e.ClusterName)
	w.involved(&e.InvolvedObject)
	w.end()
	return w.b
}

// writer writes objects; a key is left out as its json tag says.
type writer struct{ b []byte }

// key writes one of our own words, which need no escaping.
func (w *writer) key(name string) {
	w.comma()
	w.b = append(append(append(w.b, '"'), name...), '"', ':')
}

func (w *writer) comma() {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
}

func (w *writer) object(key string) {
	w.key(key)
	w.b = append(w.b, '{')
}

func (w *writer) end() { w.b = append(w.b, '}') }

func (w *writer) text(key, value string) {
	if value != "" {
		w.always(key, value)
	}
}

func (w *writer) always(key, value string) {
	w.key(key)
	w.b = AppendString(w.b, value)
}

func (w *writer) number(key string, value int64) {
	if value != 0 {
		w.key(key)
		w.b = strconv.AppendInt(w.b, value, 10)
	}
}

func (w *writer) flag(key string, value bool) {
	w.key(key)
	w.b = strconv.AppendBool(w.b, value)
}

func (w *writer) time(key string, value time.Time, layout string) {
	w.key(key)
	if value.IsZero() {
		w.b = append(w.b, "null"...)
		return
	}
	w.b = append(value.UTC().AppendFormat(append(w.b, '"'), layout), '"')
}

func (w *writer) texts(key string, values map[string]string) {
	if len(values) == 0 {
		return
	}
	w.object(key)
	var few [16]string // most events have fewer labels, and then nothing is allocated
	names := slices.AppendSeq(few[:0], maps.Keys(values))
	slices.Sort(names)
	for _, name := range names {
		w.comma()
		w.b = append(AppendString(w.b, name), ':')
		w.b = AppendString(w.b, values[name])
	}
	w.end()
}

func (w *writer) metadata(m *metav1.ObjectMeta) {
	w.object("metadata")
	w.text("name", m.Name)
	w.text("generateName", m.GenerateName)
	w.text("namespace", m.Namespace)
	w.text("selfLink", m.SelfLink) //nolint:staticcheck // an old server may set it, and then encoding/json writes it
	w.text("uid", string(m.UID))
	w.text("resourceVersion", m.ResourceVersion)
	w.number("generation", m.Generation)
	if !m.CreationTimestamp.IsZero() {
		w.time("creationTimestamp", m.CreationTimestamp.Time, time.RFC3339)
	}
	if m.DeletionTimestamp != nil {
		w.time("deletionTimestamp", m.DeletionTimestamp.Time, time.RFC3339)
	}
	if n := m.DeletionGracePeriodSeconds; n != nil {
		w.key("deletionGracePeriodSeconds")
		w.b = strconv.AppendInt(w.b, *n, 10)
	}
	w.texts("labels", m.Labels)
	w.texts("annotations", m.Annotations)
	w.owners(m.OwnerReferences)
	if len(m.Finalizers) > 0 {
		w.key("finalizers")
		for i, f := range m.Finalizers {
			w.b = AppendString(append(w.b, "[,"[min(i, 1)]), f)
		}
		w.b = append(w.b, ']')
	}
	w.end()
}

func (w *writer) owners(all []metav1.OwnerReference) {
	if len(all) == 0 {
		return
	}
	w.key("ownerReferences")
	for i, o := range all {
		w.b = append(w.b, "[,"[min(i, 1)], '{')
		w.always("apiVersion", o.APIVersion)
		w.always("kind", o.Kind)
		w.always("name", o.Name)
		w.always("uid", string(o.UID))
		if o.Controller != nil {
			w.flag("controller", *o.Controller)
		}
		if o.BlockOwnerDeletion != nil {
			w.flag("blockOwnerDeletion", *o.BlockOwnerDeletion)
		}
		w.end()
	}
	w.b = append(w.b, ']')
}

func (w *writer) reference(r *corev1.ObjectReference) {
	w.text("kind", r.Kind)
	w.text("namespace", r.Namespace)
	w.text("name", r.Name)
	w.text("uid", string(r.UID))
	w.text("apiVersion", r.APIVersion)
	w.text("resourceVersion", r.ResourceVersion)
	w.text("fieldPath", r.FieldPath)
}

func (w *writer) involved(o *InvolvedObject) {
	w.object("involvedObject")
	w.reference(&o.ObjectReference)
	w.texts("labels", o.Labels)
	w.texts("annotations", o.Annotations)
	w.owners(o.OwnerReferences)
	w.flag("deleted", o.Deleted)
	w.end()
}
