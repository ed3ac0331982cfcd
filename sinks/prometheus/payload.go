package prometheus

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/packetboat/packetboat/core/event"
)

// labelValues are the labels that can be chosen. None of them is different for
// every event or object: a series costs memory here and in Prometheus for ever.
var labelValues = map[string]func(*event.Event) string{
	"reason":    func(ev *event.Event) string { return ev.Reason },
	"type":      func(ev *event.Event) string { return ev.Type },
	"kind":      func(ev *event.Event) string { return ev.InvolvedObject.Kind },
	"namespace": func(ev *event.Event) string { return ev.Namespace },
	"component": func(ev *event.Event) string { return ev.Component() },
}

func known() []string { return slices.Sorted(maps.Keys(labelValues)) }

// values are the label values of an event, in the order of labels.
func values(labels []string, ev *event.Event) []string {
	all := make([]string, len(labels))
	for i, l := range labels {
		all[i] = bounded(labelValues[l](ev))
	}
	return all
}

// maxValueBytes is what Kubernetes allows a reason to have; whoever may create
// events in the old API can write any.
const maxValueBytes = 128

func bounded(v string) string {
	if len(v) > maxValueBytes {
		v = v[:maxValueBytes]
	}
	return strings.ToValidUTF8(v, "")
}

// series is the name of a series in PromQL.
func series(metric string, labels, values []string) []byte {
	pairs := make([]string, len(labels))
	for i, l := range labels {
		pairs[i] = l + "=" + strconv.Quote(values[i])
	}
	return []byte(metric + "{" + strings.Join(pairs, ",") + "}")
}
