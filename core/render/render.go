// Package render compiles what a configuration says about payloads: layouts and
// templates, once, when the configuration is loaded.
//
// It promises that what compiled has also run on a sample event, that an error
// names line and column and what to write instead, and that the result of a
// compiled function depends on the event alone, unless the template itself asks
// for the time, for chance or for the environment (Warnings names the first
// two). A result is complete or it is an error, and it is of bounded size.
//
// Nothing here does I/O or retries. A Compiler and everything that it compiled
// may be used concurrently.
package render

import (
	"slices"
	"sync"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// Compiler implements sinks.Compiler and remembers what the things it compiled
// can see.
type Compiler struct {
	funcs  map[string]any
	escape func(string) string // nil: what is printed goes out as it is
	*findings
}

// findings are shared by a Compiler and those that it made by Escaping.
type findings struct {
	mu       sync.Mutex
	uses     Uses
	defaults bool
	warnings []error
}

var _ sinks.Compiler = (*Compiler)(nil)

// NewCompiler returns a Compiler that has compiled nothing yet.
func NewCompiler() *Compiler { return &Compiler{funcs: functions(), findings: &findings{}} }

// Escaping implements sinks.Compiler.
func (c *Compiler) Escaping(escape func(string) string) sinks.Compiler {
	return &Compiler{funcs: c.funcs, escape: escape, findings: c.findings}
}

// Uses says which metadata of the involved object the compiled templates and
// layouts can see. The default payload is not counted: see DefaultPayload.
func (c *Compiler) Uses() Uses {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.uses
}

// DefaultPayload reports whether a payload without a layout was compiled. Its
// JSON shows all metadata of the involved object, without anybody having asked
// for it by name.
func (c *Compiler) DefaultPayload() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.defaults
}

// Warnings are remarks on compiled templates that are legal but will surprise:
// they fail on events without a series, or give another result each time. Each
// is a sinks.PositionError.
func (c *Compiler) Warnings() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.warnings)
}

// Payload compiles a layout, or without one the event's default JSON.
func (c *Compiler) Payload(p sinks.Payload) (func(ev *event.Event) ([]byte, error), error) {
	if p.Layout.IsZero() {
		c.mu.Lock()
		c.defaults = true
		c.mu.Unlock()
		return func(ev *event.Event) ([]byte, error) {
			return dotFor(ev, p.DeDot).ToJSON(), nil
		}, nil
	}
	program, err := c.layout(p.Layout.Node)
	if err != nil {
		return nil, err
	}
	render := func(ev *event.Event) ([]byte, error) { return program.render(dotFor(ev, p.DeDot)) }
	if _, err := render(event.Sample()); err != nil {
		return nil, err
	}
	return render, nil
}

// Template compiles one text.
func (c *Compiler) Template(t sinks.Template) (func(ev *event.Event) (string, error), error) {
	compiled, err := c.text(templateSource(t))
	if err != nil {
		return nil, err
	}
	if compiled.isConstant() {
		return func(*event.Event) (string, error) { return compiled.constant, nil }, nil
	}
	return func(ev *event.Event) (string, error) {
		b, err := compiled.append(nil, ev)
		return string(b), err
	}, nil
}

func (c *Compiler) record(found inspection, warnings ...error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.uses = c.uses.Merge(found.uses)
	c.warnings = append(append(c.warnings, found.warnings...), warnings...)
}

// dotFor is what a template sees as its dot: always a pointer, as upstream, so
// that methods of both kinds of receiver work.
func dotFor(ev *event.Event, deDot bool) *event.Event {
	if !deDot {
		return ev
	}
	c := ev.DeDot()
	return &c
}
