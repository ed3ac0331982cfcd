package sinks

import (
	"time"

	"github.com/packetboat/packetboat/core/event"
)

// Digester is a Sink that can say many events in one message.
type Digester interface {
	// EncodeDigest makes the record of one message, under the rules of Encode. It
	// fits the digest to the service's limits itself, by naming fewer groups.
	EncodeDigest(d *Digest) (Record, error)
}

// Resolver is a Sink whose records open alerts that it can end.
type Resolver interface {
	// EncodeResolve makes the record that ends the alert of this name, of which
	// nothing came since the time given. It has no Event.
	EncodeResolve(alert string, since time.Time) (Record, error)
}

// Digest is what one message says of many events: one group, or all of a window
// with the most urgent groups by name. It is immutable. Its JSON is a documented
// format.
type Digest struct {
	// ID is of the first event in it, so that a message that is made again after a
	// crash, perhaps with more in it, has the ID of the one that may have arrived.
	ID      string  `json:"id"`
	Cluster string  `json:"cluster,omitempty"` // as Event.ClusterName
	Groups  []Group `json:"groups"`
	// What is not named in Groups: so many groups, of so many occurrences.
	MoreGroups int   `json:"moreGroups"`
	MoreCount  int64 `json:"moreCount"`
	// Count is how often something happened, over all groups.
	Count  int64        `json:"count"`
	First  time.Time    `json:"first"`
	Last   time.Time    `json:"last"`
	Newest *event.Event `json:"-"` // never nil
}

// Fit encodes a digest in at most limit bytes, naming fewer groups until it fits;
// 0 is no limit.
func (d *Digest) Fit(limit int, encode func(d *Digest) ([]byte, error)) ([]byte, error) {
	groups := len(d.Groups)
	for {
		body, err := encode(d.Naming(groups))
		if err != nil || groups == 0 || limit <= 0 || len(body) <= limit {
			return body, err
		}
		groups = min(groups-1, groups*limit/len(body))
	}
}

// Naming is d with no more than so many groups by name, for services that count
// the parts of a message.
func (d *Digest) Naming(groups int) *Digest {
	if groups >= len(d.Groups) {
		return d
	}
	fewer := *d
	fewer.Groups = d.Groups[:groups:groups]
	for _, g := range d.Groups[groups:] {
		fewer.MoreGroups++
		fewer.MoreCount += g.Count
	}
	return &fewer
}

// Group are events that say the same of the same object or owner.
type Group struct {
	// Key is the same for this group in every digest, and holds no text of an event.
	Key string       `json:"key"`
	By  []GroupField `json:"by"`
	// Count is how often it happened in this window: of an event that was updated
	// from 5 to 9, 4.
	Count int64 `json:"count"`
	// Objects is how many involved objects these events are about.
	Objects int `json:"objects"`
	// Suppressed is how often it happened since it was last told, before this
	// window, without being told.
	Suppressed int64        `json:"suppressed,omitempty"`
	Warning    bool         `json:"warning"` // at least one event is not of type Normal
	First      time.Time    `json:"first"`
	Last       time.Time    `json:"last"`
	Newest     *event.Event `json:"newest"` // never nil
}

// GroupField is a part of what a group has in common. The name is "" where it is
// by a template of the configuration's own.
type GroupField struct {
	Name  string `json:"name,omitempty"`
	Value string `json:"value"`
}
