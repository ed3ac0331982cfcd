package source

import "google.golang.org/protobuf/encoding/protowire"

const metaManagedFields = 17 // k8s.io/apimachinery meta/v1 generated.proto, ObjectMeta

// A trimmer leaves managedFields out of events before they are held: nobody is
// given them, and without them the same memory holds half as many events more.
// It is used by one goroutine.
type trimmer struct{ event, meta []byte }

// trim is good until the next call. What is no event stays as it is, for the
// decoder to refuse.
func (t *trimmer) trim(raw []byte) []byte {
	t.event = t.event[:0]
	for rest := raw; len(rest) > 0; {
		field, kind, n := protowire.ConsumeField(rest)
		if n < 0 {
			return raw
		}
		if field == eventMetadata && kind == protowire.BytesType {
			_, _, tag := protowire.ConsumeTag(rest)
			if !t.trimMeta(message(rest[tag:n])) {
				return raw
			}
			t.event = protowire.AppendTag(t.event, field, kind)
			t.event = protowire.AppendBytes(t.event, t.meta)
		} else {
			t.event = append(t.event, rest[:n]...)
		}
		rest = rest[n:]
	}
	return t.event
}

func (t *trimmer) trimMeta(rest []byte) bool {
	t.meta = t.meta[:0]
	for len(rest) > 0 {
		field, _, n := protowire.ConsumeField(rest)
		if n < 0 {
			return false
		}
		if field != metaManagedFields {
			t.meta = append(t.meta, rest[:n]...)
		}
		rest = rest[n:]
	}
	return true
}
