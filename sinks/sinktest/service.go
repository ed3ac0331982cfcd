package sinktest

import "time"

// Service is a scripted fake of what the sink sends to. Its methods may be
// called concurrently.
type Service interface {
	// Script says how the next attempts are answered, in order. Attempts
	// beyond the script are accepted.
	Script(answers ...Answer)
	// Attempts counts the attempts that reached the service.
	Attempts() int
	// Deliveries are the records that the service holds, in the order of their
	// arrival. A service that deduplicates holds a record once.
	Deliveries() []Delivery
}

// Delivery is one record as the service holds it.
type Delivery struct {
	// Key is the deduplication key that came with it; records that came under
	// one key together all have that key. "" where the service has none.
	Key  string
	Body []byte // without the framing of the batch, equal to sinks.Record.Body
}

// Answer is what the service does with one attempt. A fake does it in the
// service's own protocol, and repeats in every refusal whatever secret it was
// sent, as real services do.
type Answer struct {
	Outcome Outcome
	After   time.Duration // of Throttled
	Refused []int         // of Partly: the records that are bad, by index
}

// Outcome is a kind of Answer.
type Outcome int

// What a service can say to a batch.
const (
	Accepted    Outcome = iota
	Unavailable         // it is down; nothing was taken
	Throttled           // too much; come back After
	Malformed           // the record is bad
	Forbidden           // the credentials, the name or the address are wrong
	Partly              // takes all but Refused, which are bad
	ReplyLost           // takes all; the connection breaks before it says so
	Silent              // says nothing until the test is over
)

func (o Outcome) String() string {
	return [...]string{
		"accepted", "unavailable", "throttled", "malformed", "forbidden", "partly", "reply lost", "silent",
	}[o]
}

// throttleDelay is the delay that the suite scripts for Throttled.
const throttleDelay = 7 * time.Second
