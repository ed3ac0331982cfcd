// Package sinks is the contract between the program and the services that
// events are sent to. A sink is a kind of destination, in a folder of its own
// below this one; a receiver is one configured destination.
//
// Who does what: a sink encodes one event and makes one attempt to send one
// batch. Routing, batching, retrying, splitting, dead letters and the
// checkpoint are the program's, in core/deliver and core/run, once for all
// sinks. A sink imports of ours only this package, core/event, core/secret and
// the shared clients beside it, never a sibling.
package sinks

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/packetboat/packetboat/core/event"
)

// Sink is one opened receiver.
//
// All methods may be called concurrently, except that Close is called last.
// Close may be called again.
type Sink interface {
	// Limits are the largest batch that the service takes. They never change.
	Limits() Limits

	// Encode makes the record that Send will be given. It does no I/O, has no
	// side effect and gives the same record for the same event version. An
	// error means that this event can never be sent to this receiver; it
	// becomes a dead letter with that reason.
	Encode(ev *event.Event) (Record, error)

	// Send makes one attempt to deliver a batch of records that share one Key
	// and respect Limits. nil means that the service has durably accepted all
	// of them. It does not retry: the caller decides by the error, which is
	// transient unless it says otherwise by Permanent, RetryAfter, Stop or a
	// PartialError. A lost reply is transient: the batch is sent again, under
	// the same IDs. It returns soon after ctx ends and does not keep the slice
	// or the records after it returned.
	Send(ctx context.Context, batch []Record) error

	// Close releases what the sink holds. It delivers nothing: what Send
	// acknowledged is delivered already.
	Close(ctx context.Context) error
}

// Record is one encoded event. Records are immutable.
type Record struct {
	// ID is the deduplication key for the destination, from event.Event.ID:
	// it never changes for an event version.
	ID string
	// Key is shared by all records of one batch: a topic, an index, a channel,
	// an endpoint, an ordering group; "" where the destination has no such
	// thing. Records of one Key stay in resourceVersion order.
	Key string
	// Event is what was encoded, for headers, timestamps and dead letters; of a
	// digest the newest one, of the end of an alert nil.
	Event *event.Event
	// Alert names the alert that this record opens or repeats; "" if there is none
	// that a Resolver could end.
	Alert string
	// Body is what is sent for this event.
	Body []byte
}

// Limits are the largest batch a service takes; 0 is no limit.
type Limits struct {
	Records     int // records per batch
	Bytes       int // sum of the bodies' bytes per batch, framing included by the sink's own margin
	RecordBytes int // bytes of one body; a larger one can never be sent
	Concurrency int // batches in flight at one time
}

// Env is what a sink is opened with beside its own Config.
type Env struct {
	Receiver string   // the receiver's name, for logs and for naming files
	Compiler Compiler // makes templates and payloads executable
	Log      *slog.Logger
	Now      func() time.Time
	Version  string // of this program, for a User-Agent
	// Metrics is where a sink may show metrics of its own; nil if nobody looks.
	Metrics prometheus.Registerer
}

// Compiler compiles what a Config holds. Whatever is compiled is executed once
// on a sample event, and the program looks at it to know which of the involved
// object's metadata this configuration can see. Errors name line and column.
type Compiler interface {
	// Payload compiles a receiver's layout; without one the payload is the
	// event's default JSON. The function may be called concurrently.
	Payload(p Payload) (func(ev *event.Event) ([]byte, error), error)
	// Template compiles one text. The function may be called concurrently.
	Template(t Template) (func(ev *event.Event) (string, error), error)
	// Escaping returns a Compiler for a service that gives characters a meaning:
	// what an action prints goes through escape, the template's own text does not.
	// Markup works where the user wrote it and nowhere else.
	Escaping(escape func(string) string) Compiler
}
