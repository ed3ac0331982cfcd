package opsgenie

import (
	"time"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) { return s.encoder.Event(ev) }

func (s *sink) EncodeDigest(d *sinks.Digest) (sinks.Record, error) { return s.encoder.Digest(d) }

func (s *sink) EncodeResolve(name string, since time.Time) (sinks.Record, error) {
	return s.encoder.Resolve(name, since)
}
