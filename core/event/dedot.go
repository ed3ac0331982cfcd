package event

import (
	"slices"
	"strings"
)

// DeDot is a copy in which the keys of labels and annotations, the event's and
// the involved object's, have "_" for ".", since some stores read a dot as a
// nested object. Keys that would collide keep all of their values: a key that
// had no dot keeps its name, the others get further "_" in alphabetical order.
func (e *Event) DeDot() Event {
	c := *e
	c.Labels = dedot(e.Labels)
	c.Annotations = dedot(e.Annotations)
	c.InvolvedObject.Labels = dedot(e.InvolvedObject.Labels)
	c.InvolvedObject.Annotations = dedot(e.InvolvedObject.Annotations)
	return c
}

func dedot(in map[string]string) map[string]string {
	if len(in) == 0 {
		return in
	}
	out := make(map[string]string, len(in))
	var dotted []string
	for k, v := range in {
		if strings.Contains(k, ".") {
			dotted = append(dotted, k)
		} else {
			out[k] = v
		}
	}
	slices.Sort(dotted)
	for _, k := range dotted {
		name := strings.ReplaceAll(k, ".", "_")
		for _, taken := out[name]; taken; _, taken = out[name] {
			name += "_"
		}
		out[name] = in[k]
	}
	return out
}
