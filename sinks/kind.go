package sinks

import (
	"context"
	"fmt"
)

// Start is where a receiver without a cursor begins.
type Start string

// The two starts: machines want all that is retained, people only what comes.
const (
	Oldest Start = "oldest"
	Now    Start = "now"
)

// Kind registers one kind of sink. Kinds are values in a list (package all);
// nothing registers itself.
type Kind struct {
	// Name is the receiver's config key: the service's own lower-case name.
	Name string
	// Start is where a receiver of this kind begins unless it says otherwise.
	Start Start
	// NewConfig returns a pointer to a Config with its defaults, to decode into.
	NewConfig func() any
	// Open checks the Config and opens a sink. It may read local files named in
	// the Config (certificates) and does no other I/O: nothing is connected,
	// created or locked before the first Send, so that a configuration can be
	// checked and explained anywhere, and a service that is down at the start
	// is a transient failure like any other.
	Open func(ctx context.Context, config any, env Env) (Sink, error)
}

// NewKind builds a Kind from a sink's own typed functions.
func NewKind[C any](name string, start Start, defaults func() C,
	open func(ctx context.Context, config C, env Env) (Sink, error),
) Kind {
	return Kind{
		Name:  name,
		Start: start,
		NewConfig: func() any {
			c := defaults()
			return &c
		},
		Open: func(ctx context.Context, config any, env Env) (Sink, error) {
			c, ok := config.(*C)
			if !ok {
				return nil, fmt.Errorf("open %s: config is %T", name, config)
			}
			return open(ctx, *c, env)
		},
	}
}
