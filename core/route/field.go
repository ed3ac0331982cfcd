package route

import "github.com/packetboat/packetboat/core/event"

// field is a key of a rule whose pattern is compared with one text of an event.
type field struct {
	key     string
	pattern func(r *Rule) Pattern
	value   func(ev *event.Event) string
}

// fields are all of them, the cheap ones first: rules are tested in this order.
func fields() []field {
	return []field{
		{"type", func(r *Rule) Pattern { return r.Type }, func(ev *event.Event) string { return ev.Type }},
		{"kind", func(r *Rule) Pattern { return r.Kind }, func(ev *event.Event) string { return ev.InvolvedObject.Kind }},
		{
			"apiVersion",
			func(r *Rule) Pattern { return r.APIVersion },
			func(ev *event.Event) string { return ev.InvolvedObject.APIVersion },
		},
		{"reason", func(r *Rule) Pattern { return r.Reason }, func(ev *event.Event) string { return ev.Reason }},
		{"action", func(r *Rule) Pattern { return r.Action }, func(ev *event.Event) string { return ev.Action }},
		{"namespace", func(r *Rule) Pattern { return r.Namespace }, func(ev *event.Event) string { return ev.Namespace }},
		{
			"objectNamespace",
			func(r *Rule) Pattern { return r.ObjectNamespace },
			func(ev *event.Event) string { return ev.InvolvedObject.Namespace },
		},
		{"name", func(r *Rule) Pattern { return r.Name }, func(ev *event.Event) string { return ev.InvolvedObject.Name }},
		{"component", func(r *Rule) Pattern { return r.Component }, (*event.Event).Component},
		{"host", func(r *Rule) Pattern { return r.Host }, (*event.Event).Host},
		{"message", func(r *Rule) Pattern { return r.Message }, func(ev *event.Event) string { return ev.Message }},
	}
}
