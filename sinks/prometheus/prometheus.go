// Package prometheus counts events by a few of their properties, as a metric of
// this process: on /metrics, or pushed with its other metrics.
//
// Nothing leaves the process in Send. Accepted means counted in memory: what was
// counted and neither scraped nor pushed before a crash is gone. An event version
// that is sent again to the same process counts once. Send makes one attempt and
// does not retry. All methods may be called concurrently.
package prometheus

import (
	"context"
	"errors"
	"fmt"
	"sync"

	client "github.com/prometheus/client_golang/prometheus"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// Kind is the prometheus sink. It begins with what comes: a scrape has no time
// but its own, and the past would look like one sudden rise.
var Kind = kind(func(send send) send { return send })

type send func(ctx context.Context, batch []sinks.Record) error

func kind(through func(send) send) sinks.Kind {
	return sinks.NewKind("prometheus", sinks.Now, defaults,
		func(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
			if err := c.check(); err != nil {
				return nil, err
			}
			own, err := newCounts(c, env.Receiver, env.Now())
			if err != nil {
				return nil, err
			}
			s := &sink{config: c, registry: env.Metrics, counts: own}
			s.send = through(s.count)
			return s, nil
		})
}

type sink struct {
	config   Config
	registry client.Registerer
	send     send

	mu         sync.Mutex
	counts     *counts // our own, or from registered on the registry's
	registered bool
}

func (s *sink) Limits() sinks.Limits { return sinks.Limits{} }

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	body := series(s.config.Metric, s.config.Labels, values(s.config.Labels, ev))
	return sinks.Record{ID: ev.ID(), Event: ev, Body: body}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error { return s.send(ctx, batch) }

func (s *sink) count(ctx context.Context, batch []sinks.Record) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("count events: %w", err)
	}
	counts, err := s.register()
	if err != nil {
		return sinks.Stop(fmt.Errorf("register metric %s: %w", s.config.Metric, err))
	}
	for _, r := range batch {
		counts.count(r.Event)
	}
	return nil
}

// register shows the metric with the first events. A receiver that was opened
// again, by a reload or the next run of this process, goes on counting where it was.
func (s *sink) register() (*counts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.registered {
		return s.counts, nil
	}
	if s.registry == nil {
		return nil, errors.New("this process shows no metrics")
	}
	err := s.registry.Register(s.counts)
	var there client.AlreadyRegisteredError
	if errors.As(err, &there) {
		before, ours := there.ExistingCollector.(*counts)
		if !ours {
			return nil, errTaken
		}
		before.limit(s.config.MaxSeries)
		s.counts, err = before, nil
	}
	if err != nil {
		return nil, errTaken // the library's words are about its insides
	}
	s.registered = true
	return s.counts, nil
}

var errTaken = errors.New("the name is taken by a metric with other labels: give this receiver another metric; " +
	"if only its labels were changed, a restart is enough")

// Close leaves the counts where they are: the last push comes after it.
func (s *sink) Close(context.Context) error { return nil }
