// Package route decides which receivers get an event: the tree of drop and
// match rules, as kubernetes-event-exporter defines it.
//
// It promises upstream's decisions, except that an event goes to a receiver
// once however many rules name it, and that a pattern which cannot work is an
// error when the configuration is loaded. It does no I/O, and a Tree may be used
// concurrently. Text of events is hostile: matching takes time linear in it.
package route

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/sinks"
)

// Route is one node of the configured tree. If a Drop rule matches, the node
// and all below it are left. Else every Match rule that matches sends to its
// receiver, and if all of them match (or there are none) Routes are entered.
type Route struct {
	// Drop are rules for what goes no further.
	Drop []Rule `yaml:"drop"`
	// Match are rules for what goes to their receivers.
	Match []Rule `yaml:"match"`
	// Routes are below this one: they see what all of Match have matched.
	Routes []Route `yaml:"routes"`
}

// Rule matches an event if every key that is set does. The zero Rule matches
// every event.
type Rule struct {
	Labels      map[string]Pattern `yaml:"labels"`      // of the involved object; the key must exist
	Annotations map[string]Pattern `yaml:"annotations"` // of the involved object; the key must exist
	Message     Pattern            `yaml:"message"`
	APIVersion  Pattern            `yaml:"apiVersion"` // of the involved object
	Kind        Pattern            `yaml:"kind"`       // of the involved object
	Namespace   Pattern            `yaml:"namespace"`  // of the event
	Reason      Pattern            `yaml:"reason"`
	Type        Pattern            `yaml:"type"`
	MinCount    int32              `yaml:"minCount"`  // least number of occurrences
	Component   Pattern            `yaml:"component"` // source.component, else reportingComponent
	Host        Pattern            `yaml:"host"`      // source.host, else reportingInstance

	Name            Pattern `yaml:"name"`            // of the involved object
	ObjectNamespace Pattern `yaml:"objectNamespace"` // of the involved object
	Action          Pattern `yaml:"action"`
	Not             *Rule   `yaml:"not"` // must not match

	Receiver Receiver `yaml:"receiver"` // who gets what matches; ignored below drop and not

	Position sinks.Position `yaml:"-"`
}

// UnmarshalYAML keeps the rule's position.
func (r *Rule) UnmarshalYAML(node *yaml.Node) error {
	type plain Rule
	if err := node.Decode((*plain)(r)); err != nil {
		return err
	}
	r.Position = sinks.Position{Line: node.Line, Column: node.Column}
	return nil
}

// IsEmpty reports whether the rule has no condition, so that it matches every
// event. A receiver is no condition.
func (r Rule) IsEmpty() bool {
	return r.MinCount == 0 && r.Not == nil && len(r.Labels) == 0 && len(r.Annotations) == 0 &&
		!slices.ContainsFunc(fields(), func(f field) bool { return f.pattern(&r).Text != "" })
}

// Pattern is a regular expression (RE2) that is searched for anywhere in a
// value; "" is not tested. Text that is no regular expression but reads as a
// glob (*test*) is a glob for the whole value.
type Pattern struct {
	Text     string
	Position sinks.Position
}

// UnmarshalYAML takes any scalar as it is written.
func (p *Pattern) UnmarshalYAML(node *yaml.Node) error {
	text, at, err := scalar(node)
	*p = Pattern{Text: text, Position: at}
	return err
}

// Receiver names a receiver.
type Receiver struct {
	Name     string
	Position sinks.Position
}

// UnmarshalYAML takes any scalar as it is written.
func (r *Receiver) UnmarshalYAML(node *yaml.Node) error {
	text, at, err := scalar(node)
	*r = Receiver{Name: text, Position: at}
	return err
}

func scalar(node *yaml.Node) (string, sinks.Position, error) {
	at := sinks.Position{Line: node.Line, Column: node.Column}
	if node.Kind != yaml.ScalarNode {
		return "", at, at.Errorf("want a text, got a mapping or a list")
	}
	return node.Value, at, nil
}
