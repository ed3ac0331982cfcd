package source

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
	corev1 "k8s.io/api/core/v1"

	"github.com/packetboat/packetboat/core/event"
)

// A list in application/vnd.kubernetes.protobuf is the four bytes of magic and a
// runtime.Unknown, whose field raw is the EventList: field 1 its ListMeta, field
// 2 each event (k8s.io/apimachinery runtime/generated.proto, k8s.io/api
// core/v1/generated.proto). It is read as a stream and an event is decoded only
// when it is handed out, so that a large page costs no memory and an old event
// no work.
var magic = []byte("k8s\x00")

const (
	unknownRaw     = 2
	listMetadata   = 1
	listItem       = 2
	metaVersion    = 2
	metaContinue   = 3
	metaRemaining  = 4
	eventMetadata  = 1
	objectVersion  = 6
	largestMessage = 16 << 20 // etcd refuses objects above 1.5 MiB unless told otherwise
)

// errMalformed says that an answer is not what it should be; asking again does
// not help.
var errMalformed = errors.New("malformed answer")

type listMeta struct {
	version   string
	next      string // continue token, "" on the last page
	remaining int64  // -1 if the server does not say
	items     int64
}

func (m listMeta) retained() int64 {
	if m.next != "" && m.remaining < 0 {
		return -1
	}
	return m.items + max(m.remaining, 0)
}

// readList offers every event of one page; raw is good only during the call.
func readList(body io.Reader, offer func(version string, raw []byte) error) (listMeta, error) {
	r := &wireReader{buf: bufio.NewReaderSize(body, 64<<10)}
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(r.buf, head); err != nil {
		return listMeta{}, fmt.Errorf("read list: %w", err)
	}
	if !bytes.Equal(head, magic) {
		return listMeta{}, fmt.Errorf("%w: want %q, the answer begins with %q: is this a Kubernetes API server?", errMalformed, magic, head)
	}
	meta := listMeta{remaining: -1}
	for {
		field, size, err := r.field()
		if errors.Is(err, io.EOF) {
			if meta.version == "" {
				return listMeta{}, fmt.Errorf("read list: %w", io.ErrUnexpectedEOF)
			}
			return meta, nil
		}
		if err != nil {
			return listMeta{}, err
		}
		if field == unknownRaw {
			err = r.list(size, &meta, offer)
		} else {
			_, err = r.message(size)
		}
		if err != nil {
			return listMeta{}, err
		}
	}
}

// wireReader reads length-delimited protobuf fields from a stream.
type wireReader struct {
	buf     *bufio.Reader
	read    int64
	scratch []byte
}

func (r *wireReader) ReadByte() (byte, error) {
	b, err := r.buf.ReadByte()
	if err == nil {
		r.read++
	}
	return b, err
}

// field reads a tag and a length. io.EOF means that the stream ended before it.
func (r *wireReader) field() (protowire.Number, int64, error) {
	tag, err := binary.ReadUvarint(r)
	if err != nil {
		return 0, 0, err
	}
	field, kind := protowire.DecodeTag(tag)
	if kind != protowire.BytesType {
		return 0, 0, fmt.Errorf("%w: field %d has wire type %d", errMalformed, field, kind)
	}
	size, err := binary.ReadUvarint(r)
	if err != nil {
		return 0, 0, fmt.Errorf("read list: %w", unexpected(err))
	}
	return field, int64(size), nil
}

// message reads size bytes; the slice is good until the next call.
func (r *wireReader) message(size int64) ([]byte, error) {
	if size < 0 || size > largestMessage {
		return nil, fmt.Errorf("%w: a message of %d bytes", errMalformed, size)
	}
	if int64(cap(r.scratch)) < size {
		r.scratch = make([]byte, size+size/2)
	}
	b := r.scratch[:size]
	n, err := io.ReadFull(r.buf, b)
	r.read += int64(n)
	if err != nil {
		return nil, fmt.Errorf("read list: %w", unexpected(err))
	}
	return b, nil
}

func (r *wireReader) list(size int64, meta *listMeta, offer func(version string, raw []byte) error) error {
	end := r.read + size
	for r.read < end {
		field, size, err := r.field()
		if err != nil {
			return fmt.Errorf("read list: %w", unexpected(err))
		}
		b, err := r.message(size)
		if err != nil {
			return err
		}
		switch field {
		case listMetadata:
			err = meta.decode(b)
		case listItem:
			meta.items++
			version := versionOf(b)
			if version == "" {
				return fmt.Errorf("%w: an event without a resourceVersion", errMalformed)
			}
			err = offer(version, b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unexpected turns an end in mid-message into what it is: a broken connection.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (m *listMeta) decode(b []byte) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeField(b)
		if n < 0 {
			return fmt.Errorf("%w: list metadata", errMalformed)
		}
		value := b[:n]
		b = b[n:]
		_, _, tag := protowire.ConsumeTag(value)
		value = value[tag:]
		switch {
		case field == metaVersion && kind == protowire.BytesType:
			m.version = text(value)
		case field == metaContinue && kind == protowire.BytesType:
			m.next = text(value)
		case field == metaRemaining && kind == protowire.VarintType:
			v, _ := protowire.ConsumeVarint(value)
			m.remaining = int64(v)
		}
	}
	return nil
}

func text(b []byte) string {
	v, _ := protowire.ConsumeBytes(b)
	return string(v)
}

// versionOf finds metadata.resourceVersion without decoding the event.
func versionOf(raw []byte) string {
	return text(find(message(find(raw, eventMetadata)), objectVersion))
}

func message(b []byte) []byte {
	v, _ := protowire.ConsumeBytes(b)
	return v
}

// find returns what stands behind the tag of a length-delimited field.
func find(b []byte, want protowire.Number) []byte {
	for len(b) > 0 {
		field, kind, tag := protowire.ConsumeTag(b)
		if tag < 0 {
			return nil
		}
		b = b[tag:]
		if field == want && kind == protowire.BytesType {
			return b
		}
		n := protowire.ConsumeFieldValue(field, kind, b)
		if n < 0 {
			return nil
		}
		b = b[n:]
	}
	return nil
}

func decodeProtobuf(raw []byte, clusterName string) (*event.Event, error) {
	var ev corev1.Event
	if err := ev.Unmarshal(raw); err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return event.New(ev, clusterName), nil
}
