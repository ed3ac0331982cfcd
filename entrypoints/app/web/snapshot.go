package web

import (
	"context"
	"errors"
	"time"

	"github.com/packetboat/packetboat/core/route"
)

// ErrNotFound says that an event is no longer among the recent ones.
var ErrNotFound = errors.New("this event is no longer among the recent ones: paste it to see its way")

// Provider is what the status page shows. Its methods are called concurrently.
// Nothing that they return holds a secret.
type Provider interface {
	// Snapshot is the state now. It does no I/O: every open page asks every 2 s.
	Snapshot() Snapshot
	// Explain says which way an event takes that somebody pasted. An error says
	// what is wrong with the text.
	Explain(ctx context.Context, event []byte) (Explanation, error)
	// ExplainRecent does the same for one of Snapshot's Recent, else ErrNotFound.
	ExplainRecent(ctx context.Context, id string) (Explanation, error)
}

// Snapshot is one moment. Its JSON is what /status.json answers.
type Snapshot struct {
	Version   string           `json:"version"`
	Cluster   string           `json:"cluster"`   // its name in the configuration, else its UID
	Now       time.Time        `json:"now"`       // of this process, so that the reader's clock does not matter
	Since     time.Time        `json:"since"`     // when this process, or its present configuration, began
	State     string           `json:"state"`     // following, catching up, standby, stopping
	StateText string           `json:"stateText"` // one sentence about it, may be empty
	Dropped   int64            `json:"dropped"`   // events that no receiver wanted
	Route     route.NodeCounts `json:"route"`     // counts since Since
	Receivers []Receiver       `json:"receivers"`
	Recent    []Recent         `json:"recent"` // newest first
}

// ReceiverState is what a receiver is doing.
type ReceiverState string

// The first four are those of core/run.
const (
	CatchingUp ReceiverState = "catching up" // reads what happened before now
	Delivering ReceiverState = "delivering"  // follows
	Behind     ReceiverState = "behind"      // too slow to follow, and reads from its own cursor
	Stopped    ReceiverState = "stopped"     // failed, and is opened again after a while
	Waiting    ReceiverState = "waiting"     // of a standby, which sends nothing
)

// Receiver is one configured destination. Counts are since the process began.
type Receiver struct {
	Name         string        `json:"name"`
	Sink         string        `json:"sink"` // kind of destination
	State        ReceiverState `json:"state"`
	LagSeconds   *float64      `json:"lagSeconds"` // null if it is not known
	Owed         int64         `json:"owed"`
	PerMinute    float64       `json:"perMinute"` // delivered, over the last minute
	Delivered    int64         `json:"delivered"`
	Refused      int64         `json:"refused"`
	DeadLettered int64         `json:"deadLettered"` // of the refused, stored
	Cursor       string        `json:"cursor"`       // resourceVersion
	LastError    string        `json:"lastError"`    // "" if there was none
	LastErrorAt  *time.Time    `json:"lastErrorAt"`  // null if there was none
}

// Recent is an event that was routed a short time ago.
type Recent struct {
	ID        string    `json:"id"`
	Time      time.Time `json:"time"` // when it happened, zero if it does not say
	Kind      string    `json:"kind"` // of the involved object, as are Namespace and Name
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Reason    string    `json:"reason"`
	Type      string    `json:"type"`
	Message   string    `json:"message"` // cut for reading
	Receivers []string  `json:"receivers"`
}

// Explanation is an event's way through the rules, and what would be sent.
type Explanation struct {
	Trace    route.Trace `json:"trace"`
	Text     string      `json:"text"` // Trace in words; filled in by the Server
	Payloads []Payload   `json:"payloads"`
}

// Payload is the body, never a header, that one receiver would be sent, or why
// there is none. The Server cuts Body and sets Bytes.
type Payload struct {
	Receiver string `json:"receiver"`
	Body     string `json:"body,omitempty"`
	Bytes    int    `json:"bytes"`         // of the whole body
	Cut      bool   `json:"cut,omitempty"` // Body is only its beginning
	Error    string `json:"error,omitempty"`
}
