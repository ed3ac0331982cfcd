package state

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"time"
)

// DeadLetter is an event that a receiver will never accept, with all that is
// needed to understand why and to send it again.
type DeadLetter struct {
	Receiver string          `json:"receiver"`
	ID       string          `json:"id"`
	Reason   string          `json:"reason"`
	Attempts int             `json:"attempts"`
	Time     time.Time       `json:"time"`
	Event    json.RawMessage `json:"event"`          // the whole event, in its default JSON
	Body     []byte          `json:"body,omitempty"` // what was rendered, if it got that far
}

// Key is under what a dead letter is stored: a repeat overwrites itself. No two
// pairs of receiver and ID share one, whatever characters are in them.
func (d DeadLetter) Key() string {
	// A receiver's name and the ID of an event without a UID may hold slashes themselves.
	return url.PathEscape(d.Receiver) + "/" + url.PathEscape(d.ID)
}

// DeadLetters keeps dead letters, any number of them.
type DeadLetters interface {
	// Put stores one durably, replacing an older one of the same Key. After an
	// error it is stored or not, never in part: the caller puts it again.
	Put(ctx context.Context, d DeadLetter) error

	// All hands out every one that was stored when it was called, one at a time,
	// in no promised order; it may be ranged over again. What is deleted or put
	// meanwhile may come or not. An error that is ErrBadDeadLetter is about one
	// of them, and the others follow; any other error ends the sequence.
	All(ctx context.Context) iter.Seq2[DeadLetter, error]

	// Delete removes one by its Key; one that is not there is no error. It may be
	// called while All is ranged over.
	Delete(ctx context.Context, key string) error
}
