package webhook

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/packetboat/packetboat/sinks"
)

// framing is how many bytes n bodies need beside themselves in one request, in
// the longer of the two forms.
func framing(n int) int { return n + 1 }

// frame makes one request body out of a batch.
func (m mode) frame(batch []sinks.Record) []byte {
	size := framing(len(batch))
	for _, r := range batch {
		size += len(r.Body)
	}
	out := make([]byte, 0, size)
	switch m {
	case array:
		out = append(out, '[')
		for i, r := range batch {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(out, r.Body...)
		}
		return append(out, ']')
	case ndjson:
		for _, r := range batch {
			out = append(append(out, r.Body...), '\n')
		}
		return out
	default:
		return append(out, batch[0].Body...)
	}
}

func (m mode) contentType() string {
	if m == ndjson {
		return "application/x-ndjson"
	}
	return "application/json"
}

// idempotencyKey is the record's ID, or for several records one key made of
// their IDs: the same batch sent again has the same key.
func (m mode) idempotencyKey(batch []sinks.Record) string {
	if m == single {
		return headerValue(batch[0].ID)
	}
	ids := sha256.New()
	for _, r := range batch {
		_, _ = ids.Write(append([]byte(r.ID), 0))
	}
	return hex.EncodeToString(ids.Sum(nil)[:16])
}

// headerValue drops control characters: what comes out of an event must not
// begin a header of its own.
func headerValue(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, string(bytes.ToValidUTF8([]byte(s), nil)))
}
