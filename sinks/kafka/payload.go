package kafka

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// idHeader is the header that tells a repetition.
const idHeader = "packetboat-id"

// message is a record as Kafka has it, with its time.
type message struct {
	id     string
	record *sarama.Record
	at     time.Time
}

// messages makes them new for every attempt: sarama may still read one that was
// interrupted, and the caller may then use the batch again.
func (s *sink) messages(batch []sinks.Record) ([]message, error) {
	out := make([]message, len(batch))
	for i, r := range batch {
		record, err := s.frame(r.Event)
		if err != nil {
			return nil, err
		}
		record.Headers = append(record.Headers, header(idHeader, r.ID))
		if len(record.Key) == 0 {
			record.Key = []byte(r.ID)
		}
		record.Value = bytes.Clone(r.Body)
		out[i] = message{r.ID, record, r.Event.Time().Truncate(time.Millisecond)}
	}
	return out, nil
}

// frame is the record for an event without its value.
func (s *sink) frame(ev *event.Event) (*sarama.Record, error) {
	key, err := s.key(ev)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	record := &sarama.Record{Key: []byte(key)}
	for _, name := range s.config.headerNames() {
		value, err := s.headers[name](ev)
		if err != nil {
			return nil, fmt.Errorf("headers: %s: %w", name, err)
		}
		record.Headers = append(record.Headers, header(name, value))
	}
	return record, nil
}

func header(name, value string) *sarama.RecordHeader {
	return &sarama.RecordHeader{Key: []byte(name), Value: []byte(value)}
}

// sizeOf is at least what the records have as a batch on the wire, uncompressed.
func sizeOf(records []*sarama.Record) int {
	const batchBytes, recordBytes, headerBytes = 61, 5*binary.MaxVarintLen32 + binary.MaxVarintLen64 + 1, 2 * binary.MaxVarintLen32
	size := batchBytes
	for _, r := range records {
		size += recordBytes + len(r.Key) + len(r.Value)
		for _, h := range r.Headers {
			size += headerBytes + len(h.Key) + len(h.Value)
		}
	}
	return size
}

// newPayload is the layout or the event's JSON, and with a schema that in Avro.
func newPayload(c Config, compiler sinks.Compiler) (func(*event.Event) ([]byte, error), error) {
	render, err := compiler.Payload(c.Payload)
	if err != nil || c.Avro == (avroConfig{}) {
		return render, err
	}
	encoder, err := newEncoder(c.Avro)
	if err != nil {
		return nil, fmt.Errorf("avro: %w", err)
	}
	return func(ev *event.Event) ([]byte, error) {
		text, err := render(ev)
		if err != nil {
			return nil, err
		}
		body, err := encoder.encode(text)
		if err != nil {
			return nil, fmt.Errorf("avro: %w", err)
		}
		return body, nil
	}, nil
}
