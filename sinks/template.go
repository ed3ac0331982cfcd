package sinks

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/secret"
)

// Template is a Go template in a Config, with its place in the configuration
// file. It may hold a token (a webhook's endpoint, a header), so it prints as
// <template>.
type Template struct {
	Text     string
	Position Position
}

// IsZero reports whether no template was given.
func (t Template) IsZero() bool { return t.Text == "" }

// String hides the text, and so do all other ways to print it.
func (t Template) String() string { return "<template>" }

// Format hides the text for every verb.
func (t Template) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, t.String()) }

// LogValue hides the text.
func (t Template) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText hides the text in JSON and YAML.
func (t Template) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalYAML takes any scalar.
func (t *Template) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode {
		return Position{node.Line, node.Column}.Errorf("want a text, got a %s", kindName(node))
	}
	*t = Template{Text: node.Value, Position: Position{node.Line, node.Column}}
	return nil
}

// SecretTemplate is a Template, or in its place a secret, which is used as it is:
// whatever is in a token is no action of a template.
type SecretTemplate struct {
	Template
	Secret secret.String // absent where there is a Template
}

// IsZero reports whether neither was given.
func (t SecretTemplate) IsZero() bool { return t.Template.IsZero() && t.Secret.IsZero() }

// Constant is the text that is the same for every event, if it is.
func (t SecretTemplate) Constant() (text string, ok bool) {
	if !t.Secret.IsZero() {
		return t.Secret.Reveal(), true
	}
	return t.Text, !strings.Contains(t.Text, "{{")
}

// Compile is Compiler.Template for it.
func (t SecretTemplate) Compile(c Compiler) (func(ev *event.Event) (string, error), error) {
	if t.Secret.IsZero() {
		return c.Template(t.Template)
	}
	return func(*event.Event) (string, error) { return t.Secret.Reveal(), nil }, nil
}

// Layout is the shape of a payload: any YAML value, in which every text is a
// template. The zero Layout asks for the default JSON.
type Layout struct{ Node *yaml.Node }

// IsZero reports whether no layout was given.
func (l Layout) IsZero() bool { return l.Node == nil }

// UnmarshalYAML keeps the node; Compiler.Payload reads it. An absent or null
// layout leaves the zero Layout.
func (l *Layout) UnmarshalYAML(node *yaml.Node) error {
	l.Node = node
	return nil
}

// Payload is what a receiver's body is made from. A Config embeds it inline.
type Payload struct {
	// Layout is the shape of the payload, every text in it a template; default the event's JSON.
	Layout Layout `yaml:"layout"`
	// DeDot replaces "." in the keys of labels and annotations.
	DeDot bool `yaml:"deDot"`
}

// Position is a place in a configuration file, counted from 1. The zero
// Position is unknown; column 0 is an unknown place in the line.
type Position struct{ Line, Column int }

// Errorf is an error at this place.
func (p Position) Errorf(format string, args ...any) error {
	return &PositionError{Position: p, Err: fmt.Errorf(format, args...)}
}

// PositionError is an error with its place in the configuration file.
type PositionError struct {
	Position Position
	Err      error
}

func (e *PositionError) Error() string {
	if e.Position.Line == 0 {
		return e.Err.Error()
	}
	if e.Position.Column == 0 {
		return fmt.Sprintf("line %d: %v", e.Position.Line, e.Err)
	}
	return fmt.Sprintf("line %d, column %d: %v", e.Position.Line, e.Position.Column, e.Err)
}

func (e *PositionError) Unwrap() error { return e.Err }

func kindName(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "mapping"
	case yaml.SequenceNode:
		return "list"
	default:
		return "YAML node"
	}
}
