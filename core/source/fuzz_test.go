package source

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/packetboat/packetboat/core/event"
)

// FuzzEvents: whatever --events is given, it is read as events or refused with a
// word, and what was read can be exported and read again as the same event.
func FuzzEvents(f *testing.F) {
	sample := string(event.Sample().ToJSON())
	for _, seed := range []string{
		sample, sample + "\n" + sample, `{"kind":"List","items":[` + sample + `]}`, `{"items":null}`, `{}`, `[]`, `null`, `{"items":[`,
		`{"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"resourceVersion":"7"},"regarding":{"kind":"Pod"},"note":"n","series":{"count":3}}`,
		`{"kind":"Pod"}`, `{"metadata":{"resourceVersion":"01"}}`, `{"involvedObject":{"labels":{"a":"b"},"deleted":true}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		for raw, err := range Raw(bytes.NewReader(input)) {
			if err != nil {
				return
			}
			ev, err := DecodeJSON(raw, "cluster")
			if err != nil {
				continue
			}
			again, err := DecodeJSON(ev.ToJSON(), "cluster")
			if err != nil {
				t.Fatalf("our own JSON is refused: %v\n%s", err, ev.ToJSON())
			}
			if again.ID() != ev.ID() && utf8.ValidString(ev.ID()) {
				t.Fatalf("read again the ID is %q, it was %q", again.ID(), ev.ID())
			}
		}
	})
}

// FuzzList: a truncated or mangled answer of the API server is an error, never a
// panic and never taken for the whole list.
func FuzzList(f *testing.F) {
	f.Add([]byte("k8s\x00\n\x0f\n\x02v1\x12\tEventList\x12\x06\n\x04\n\x00\x12\x00"))
	f.Add([]byte("k8s\x00"))
	f.Add([]byte(strings.Repeat("\xff", 40)))
	f.Fuzz(func(t *testing.T, body []byte) {
		meta, err := readList(bytes.NewReader(body), func(version string, _ []byte) error {
			if version == "" {
				t.Fatal("an event without a version was offered")
			}
			return nil
		})
		if err == nil && meta.version == "" {
			t.Fatal("a list without a version was taken")
		}
	})
}
