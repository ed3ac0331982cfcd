package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"
)

// Version is the checkpoint format this program writes. A checkpoint of a
// higher one is never touched.
const Version = 1

// Checkpoint says how far every receiver is, and who may move it. Fields that
// this program does not know, written by another release of the same format,
// survive a load and a commit.
type Checkpoint struct {
	Version int `json:"version"`
	// Revision is raised by every commit, so that no two commits have equal
	// bytes (and so an equal ETag), and a writer whose reply was lost knows its own.
	Revision int64 `json:"revision"`
	Lease    Lease `json:"lease"`
	// Clusters holds cursors by the UID of namespace kube-system ("" where it
	// may not be read), then by receiver.
	Clusters map[string]map[string]Cursor `json:"clusters"`
	// Shards says how the cluster is split over checkpoints beside this one, or
	// which split this one is a part of; nil while it was never split.
	Shards *Shards `json:"shards,omitempty"`

	unknown map[string]json.RawMessage
}

// Shards is one way of splitting a cluster.
type Shards struct {
	Of int `json:"of"` // how many parts; 1 is none
	// Generation is raised by every change of Of: a part that was left from an
	// earlier split with the same number is told by it.
	Generation int64 `json:"generation"`
}

// Lease says which run may send and commit. The zero Lease is free.
type Lease struct {
	Holder  string    `json:"holder"`
	Expires time.Time `json:"expires"`

	unknown map[string]json.RawMessage
}

// Cursor is how far one receiver is in one cluster: everything at or before
// ResourceVersion is settled for it.
type Cursor struct {
	ResourceVersion string `json:"resourceVersion"`
	// ReadAt is the API server's clock when this version was current: it tells
	// a gap from a quiet receiver.
	ReadAt time.Time `json:"readAt"`
	// Marker is the resourceVersion of our marker event as last written: it
	// tells a restored etcd.
	Marker string `json:"marker,omitempty"`
	// State is a receiver's own memory, opaque, handed over with the cursor.
	State []byte `json:"state,omitempty"`

	unknown map[string]json.RawMessage
}

// Clone is a copy that shares nothing that Set or a commit changes. None of its
// maps is nil.
func (c Checkpoint) Clone() Checkpoint {
	clusters := make(map[string]map[string]Cursor, len(c.Clusters))
	for uid, receivers := range c.Clusters {
		clusters[uid] = make(map[string]Cursor, len(receivers))
		maps.Copy(clusters[uid], receivers)
	}
	c.Clusters = clusters
	return c
}

// Set puts a receiver's cursor, keeping the unknown fields of the one before,
// or, for a receiver that had none, those that the cursor brings along.
func (c *Checkpoint) Set(cluster, receiver string, cursor Cursor) {
	if c.Clusters == nil {
		c.Clusters = map[string]map[string]Cursor{}
	}
	if c.Clusters[cluster] == nil {
		c.Clusters[cluster] = map[string]Cursor{}
	}
	if before, ok := c.Clusters[cluster][receiver]; ok {
		cursor.unknown = before.unknown
	}
	c.Clusters[cluster][receiver] = cursor
}

// Encode is the stored form, always of this program's Version: indented JSON,
// made to be read by people too. It refuses what Decode would refuse, so that
// nothing is stored that the next run cannot read.
func Encode(c Checkpoint) ([]byte, error) {
	c = c.Clone()
	c.Version = Version
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("encode checkpoint: %w", err)
	}
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode checkpoint: %w", err)
	}
	return append(b, '\n'), nil
}

// Decode reads the stored form. Everything it refuses is ErrUnreadable.
func Decode(b []byte) (Checkpoint, error) {
	c, err := decode(b)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return c, nil
}

func decode(b []byte) (Checkpoint, error) {
	switch {
	case len(b) == 0:
		return Checkpoint{}, errors.New("it is empty, which no commit of ours leaves behind")
	case !utf8.Valid(b):
		// Names that differ only in their broken bytes would become one name, and a cursor would be lost.
		return Checkpoint{}, errors.New("it is not UTF-8 text")
	}
	var head struct {
		Version *int `json:"version"`
	}
	err := json.Unmarshal(b, &head)
	switch {
	case err != nil:
		return Checkpoint{}, fmt.Errorf("it is not JSON with a version: %w", err)
	case head.Version == nil || *head.Version < 1:
		return Checkpoint{}, errors.New("it has no version, so it is not a checkpoint of ours")
	case *head.Version > Version:
		return Checkpoint{}, fmt.Errorf("its format is version %d, this program knows up to %d: use a newer release",
			*head.Version, Version)
	}
	if err := checkKeys(b); err != nil {
		return Checkpoint{}, err
	}
	var c Checkpoint
	if err := json.Unmarshal(b, &c); err != nil {
		return Checkpoint{}, err
	}
	return c, c.check()
}

// check refuses what a hand or a foreign program broke: a cursor that is no
// version would be read as "from the beginning", and a null or missing map is
// cursors that somebody lost.
func (c Checkpoint) check() error {
	if c.Revision < 0 {
		return fmt.Errorf("revision is %d", c.Revision)
	}
	if c.Clusters == nil {
		return errors.New("clusters is missing or null")
	}
	if s := c.Shards; s != nil && (s.Of < 1 || s.Generation < 1) {
		return fmt.Errorf("shards says generation %d of %d parts", s.Generation, s.Of)
	}
	for uid, receivers := range c.Clusters {
		if receivers == nil {
			return fmt.Errorf("cluster %.80q is null", uid)
		}
		for name, cursor := range receivers {
			if err := cursor.check(); err != nil {
				return fmt.Errorf("cursor of receiver %.80q in cluster %.80q: %w", name, uid, err)
			}
			if !utf8.ValidString(name) || !utf8.ValidString(uid) {
				return fmt.Errorf("receiver %.80q in cluster %.80q: a name is not UTF-8 text", name, uid)
			}
		}
	}
	return nil
}

func (c Cursor) check() error {
	if !validVersion(c.ResourceVersion) {
		return fmt.Errorf("resourceVersion %.80q is not a number", c.ResourceVersion)
	}
	if !validVersion(c.Marker) {
		return fmt.Errorf("marker %.80q is not a number", c.Marker)
	}
	return nil
}

// validVersion accepts what CompareResourceVersion does, "" (nothing read yet)
// and "0" (the same, as a hand would write it).
func validVersion(s string) bool {
	return s == "0" || strings.Trim(s, "0123456789") == "" && !strings.HasPrefix(s, "0")
}

// MarshalJSON writes the known fields, then the unknown ones.
func (c Checkpoint) MarshalJSON() ([]byte, error) {
	type plain Checkpoint
	return withUnknown(plain(c), c.unknown)
}

// UnmarshalJSON keeps the unknown fields.
func (c *Checkpoint) UnmarshalJSON(b []byte) (err error) {
	type plain Checkpoint
	if err := json.Unmarshal(b, (*plain)(c)); err != nil {
		return err
	}
	c.unknown, err = unknownOf(b, *c)
	return err
}

// MarshalJSON writes the known fields, then the unknown ones.
func (l Lease) MarshalJSON() ([]byte, error) {
	type plain Lease
	return withUnknown(plain(l), l.unknown)
}

// UnmarshalJSON keeps the unknown fields.
func (l *Lease) UnmarshalJSON(b []byte) (err error) {
	type plain Lease
	if err := json.Unmarshal(b, (*plain)(l)); err != nil {
		return err
	}
	l.unknown, err = unknownOf(b, *l)
	return err
}

// MarshalJSON writes the known fields, then the unknown ones.
func (c Cursor) MarshalJSON() ([]byte, error) {
	type plain Cursor
	return withUnknown(plain(c), c.unknown)
}

// UnmarshalJSON keeps the unknown fields.
func (c *Cursor) UnmarshalJSON(b []byte) (err error) {
	type plain Cursor
	if err := json.Unmarshal(b, (*plain)(c)); err != nil {
		return err
	}
	c.unknown, err = unknownOf(b, *c)
	return err
}
