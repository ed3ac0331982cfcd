package sinktest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"path"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// Bucket is an empty bucket of an object store, and how a sink archives in it.
type Bucket struct {
	Kind   sinks.Kind
	Config string // with the prefix k8s
	// Kill and Start are a real server's; nil for a fake, which gets a tenth of the
	// events.
	Kill, Start func()
	// Objects are the bucket's, by name, read by a client that is not ours.
	Objects func(t *testing.T) map[string][]byte
}

// RunBucket delivers events of several hours, and the first of them again. Every event
// must be there once, in the folder of its hour.
func RunBucket(t *testing.T, b Bucket) {
	t.Helper()
	kind, n := b.Kind, 1000
	if b.Kill != nil {
		n = 10_000
		kind = InMidRun(kind, b.Kill, b.Start)
	}
	const perFolder = 250
	events := Kibibyte(n)
	want := map[string]string{}
	for i, ev := range events {
		at := time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC).Add(time.Duration(i/perFolder) * time.Hour)
		ev.Series.LastObservedTime = metav1.NewMicroTime(at)
		want[ev.ID()] = at.Format("k8s/date=2006-01-02/hour=15")
	}
	for _, part := range [][]*event.Event{events, events[:perFolder]} {
		stats := Deliver(t, kind, b.Config, part)
		require.EqualValues(t, len(part), stats.Delivered)
		require.Equal(t, want, folders(t, b.Objects(t)))
	}
}

// folders are where each event is, by its ID.
func folders(t *testing.T, objects map[string][]byte) map[string]string {
	t.Helper()
	got := map[string]string{}
	for name, body := range objects {
		for _, line := range ObjectLines(t, name, body) {
			var l struct{ ID string }
			require.NoError(t, json.Unmarshal(line.Body, &l))
			_, twice := got[l.ID]
			require.False(t, twice, l.ID)
			got[l.ID] = path.Dir(name)
		}
	}
	return got
}

// ObjectLines are an object's, each under the object's name.
func ObjectLines(t *testing.T, name string, body []byte) []Delivery {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(body))
	if !assert.NoError(t, err) {
		return nil
	}
	raw, err := io.ReadAll(r)
	assert.NoError(t, err)
	var got []Delivery
	for line := range bytes.Lines(raw) {
		got = append(got, Delivery{Key: name, Body: bytes.TrimSuffix(line, []byte("\n"))})
	}
	return got
}
