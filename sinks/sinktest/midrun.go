package sinktest

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/packetboat/packetboat/sinks"
)

// InMidRun is kind with a fault: it happens before the third Send, which meets it,
// and its end after that Send, beside those that follow.
func InMidRun(kind sinks.Kind, begin func(), end ...func()) sinks.Kind {
	open := kind.Open
	kind.Open = func(ctx context.Context, config any, env sinks.Env) (sinks.Sink, error) {
		s, err := open(ctx, config, env)
		return &midRun{Sink: s, begin: begin, end: end}, err
	}
	return kind
}

type midRun struct {
	sinks.Sink
	begin func()
	end   []func()
	sends atomic.Int64
	ends  sync.WaitGroup
}

func (m *midRun) Send(ctx context.Context, batch []sinks.Record) error {
	if m.sends.Add(1) != 3 {
		return m.Sink.Send(ctx, batch)
	}
	m.begin()
	err := m.Sink.Send(ctx, batch)
	for _, end := range m.end {
		m.ends.Go(end)
	}
	return err
}

func (m *midRun) Close(ctx context.Context) error {
	m.ends.Wait()
	return m.Sink.Close(ctx)
}
