// Package archive is what the object stores have in common as sinks: a batch
// becomes one object of JSON lines, compressed, below a path that names the time
// of its events as Hive does.
//
// It promises that equal batches become equal objects of one name, so that a
// batch that comes again overwrites itself, and that every line carries its
// event's ID, so that what comes again in another batch can be recognised. It
// does no I/O. An Archive may be used concurrently.
package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// ContentType of an object.
const ContentType = "application/gzip"

// Config is what all archives let the user set. A sink's Config embeds it
// inline.
type Config struct {
	// Prefix is what names begin with, rendered for each event.
	Prefix sinks.Template `yaml:"prefix"`
	// Partition is hour, day or none: the time that is part of a name.
	Partition string `yaml:"partition"`
}

// Defaults are the Config's.
func Defaults() Config { return Config{Partition: "hour"} }

// layouts are of the partitions, for time.Format.
var layouts = map[string]string{
	"none": "",
	"day":  "date=2006-01-02",
	"hour": "date=2006-01-02/hour=15",
}

// Archive makes records and objects.
type Archive struct {
	layout  string
	prefix  func(*event.Event) (string, error)
	payload func(*event.Event) ([]byte, error)
}

// New compiles a Config.
func New(c Config, payload sinks.Payload, compiler sinks.Compiler) (*Archive, error) {
	layout, known := layouts[c.Partition]
	if !known {
		return nil, fmt.Errorf("partition: want hour, day or none, got %q", c.Partition)
	}
	a := &Archive{layout: layout}
	var err error
	if a.prefix, err = compiler.Template(c.Prefix); err != nil {
		return nil, fmt.Errorf("prefix: %w", err)
	}
	if a.payload, err = compiler.Payload(payload); err != nil {
		return nil, err
	}
	return a, a.checkLine()
}

// checkLine finds a layout whose lines have no place for the ID. Keys are not
// templates, so that one event shows them.
func (a *Archive) checkLine() error {
	payload, err := a.payload(event.Sample())
	if err != nil {
		return err
	}
	var line map[string]json.RawMessage
	if err := json.Unmarshal(payload, &line); err != nil {
		return errors.New("layout: a line of an archive is a mapping")
	}
	if _, taken := line["id"]; taken {
		return errors.New("layout: id is the event's ID in every line of an archive: name yours otherwise")
	}
	return nil
}

// Limits bound what is held in memory for one object. The services take more.
func (*Archive) Limits() sinks.Limits {
	return sinks.Limits{Bytes: 16 << 20, RecordBytes: 4 << 20, Concurrency: 4}
}

// Encode makes a line, without its line break. The Key is the folder.
func (a *Archive) Encode(ev *event.Event) (sinks.Record, error) {
	payload, err := a.payload(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	prefix, err := a.prefix(ev)
	if err != nil {
		return sinks.Record{}, fmt.Errorf("prefix: %w", err)
	}
	id, err := json.Marshal(ev.ID())
	if err != nil {
		return sinks.Record{}, fmt.Errorf("id: %w", err)
	}
	line := append([]byte(`{"id":`), id...)
	if rest := payload[1:]; len(rest) > 1 {
		line = append(append(line, ','), rest...)
	} else {
		line = append(line, '}')
	}
	return sinks.Record{ID: ev.ID(), Key: a.folder(prefix, ev.Time()), Event: ev, Body: line}, nil
}

func (a *Archive) folder(prefix string, at time.Time) string {
	partition := at.Format(a.layout)
	if at.IsZero() {
		partition = noTime(a.layout)
	}
	// What comes out of an event must not become a line of a log, nor lead out of the folder.
	prefix = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(prefix, "\ufffd"))
	return strings.TrimPrefix(path.Join("/", prefix, partition), "/")
}

// noTime is what Hive calls a partition without a value.
func noTime(layout string) string {
	if layout == "" {
		return ""
	}
	parts := strings.Split(layout, "/")
	for i, p := range parts {
		name, _, _ := strings.Cut(p, "=")
		parts[i] = name + "=__HIVE_DEFAULT_PARTITION__"
	}
	return strings.Join(parts, "/")
}

// Object is one batch as it is stored.
type Object struct {
	Name string
	Body []byte
}

// Object makes the object of a batch. Its error is permanent if the batch is too
// large.
func (a *Archive) Object(batch []sinks.Record) (Object, error) {
	if err := a.fits(batch); err != nil {
		return Object{}, sinks.Permanent(err)
	}
	var body bytes.Buffer
	digest := sha256.New()
	compressed := gzip.NewWriter(&body) // without a time: equal lines give equal bytes
	both := io.MultiWriter(digest, compressed)
	for _, r := range batch {
		_, _ = digest.Write(append([]byte(r.ID), 0))
		for _, part := range [][]byte{r.Body, {'\n'}} {
			if _, err := both.Write(part); err != nil {
				return Object{}, fmt.Errorf("compress: %w", err)
			}
		}
	}
	if err := compressed.Close(); err != nil {
		return Object{}, fmt.Errorf("compress: %w", err)
	}
	first, last := batch[0], batch[len(batch)-1]
	name := fmt.Sprintf("%s_%s_%s.jsonl.gz", file(first.ID), file(last.ID), hex.EncodeToString(digest.Sum(nil)[:8]))
	return Object{Name: path.Join(first.Key, name), Body: body.Bytes()}, nil
}

// fits is asked before anything is compressed.
func (a *Archive) fits(batch []sinks.Record) error {
	limits, sum := a.Limits(), 0
	for _, r := range batch {
		sum += len(r.Body)
		if len(r.Body) > limits.RecordBytes {
			return fmt.Errorf("a line of %d bytes is longer than %d", len(r.Body), limits.RecordBytes)
		}
	}
	if sum > limits.Bytes {
		return fmt.Errorf("%d bytes are more than %d", sum, limits.Bytes)
	}
	return nil
}

// file is an ID as a part of a file's name.
func file(id string) string {
	id = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '-'
	}, id)
	return id[:min(len(id), 80)]
}
