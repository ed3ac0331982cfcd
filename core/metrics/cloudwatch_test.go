package metrics

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// written is one line of the log, as CloudWatch reads it.
type written struct {
	metadata
	members map[string]any
}

var cloudWatchUnits = []string{"Seconds", "Bytes", "Count", "None"}

// read checks every line by the rules of the format's published schema.
func read(t *testing.T, log []byte) []written {
	t.Helper()
	var all []written
	for text := range bytes.Lines(log) {
		require.Less(t, len(text), 256<<10, "the smallest limit of a log event that was ever documented")
		var l written
		require.NoError(t, json.Unmarshal(text, &l.members))
		root := struct {
			AWS *metadata `json:"_aws"`
		}{&l.metadata}
		decoder := json.NewDecoder(bytes.NewReader(text))
		require.NoError(t, decoder.Decode(&root))
		aws := l.members["_aws"].(map[string]any)
		require.Zero(t, math.Mod(aws["Timestamp"].(float64), 1), "whole milliseconds")
		require.Len(t, aws, 2)
		require.NotEmpty(t, l.CloudWatchMetrics)
		for _, d := range l.CloudWatchMetrics {
			l.check(t, d)
		}
		all = append(all, l)
	}
	return all
}

func (l written) check(t *testing.T, d directive) {
	t.Helper()
	require.NotEmpty(t, d.Namespace)
	require.LessOrEqual(t, len(d.Namespace), 1024)
	require.NotEmpty(t, d.Dimensions)
	for _, set := range d.Dimensions {
		require.LessOrEqual(t, len(set), 30)
		for _, name := range set {
			require.NotEmpty(t, name)
			require.LessOrEqual(t, len(name), 250)
			v, ok := l.members[name].(string)
			require.True(t, ok, "dimension %s is a text beside _aws", name)
			require.NotEmpty(t, strings.TrimSpace(v))
			require.LessOrEqual(t, len(v), 1024)
			require.False(t, strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }), "ASCII: %q", v)
		}
	}
	require.NotEmpty(t, d.Metrics)
	require.LessOrEqual(t, len(d.Metrics), 100)
	for _, m := range d.Metrics {
		require.LessOrEqual(t, len(m.Name), 1024)
		_, ok := l.members[m.Name].(float64)
		require.True(t, ok, "metric %s is a number beside _aws", m.Name)
		require.Contains(t, cloudWatchUnits, m.Unit)
	}
}

// at is the line of these labels, which it must be the only one to have.
func at(t *testing.T, all []written, labels map[string]string) map[string]any {
	t.Helper()
	var found []map[string]any
	for _, l := range all {
		dimensions := l.CloudWatchMetrics[0].Dimensions[0]
		same := len(dimensions) == len(labels)
		for _, name := range dimensions {
			same = same && l.members[name] == labels[name]
		}
		if same {
			found = append(found, l.members)
		}
	}
	require.Len(t, found, 1, "%v", labels)
	return found[0]
}

func TestCloudWatch(t *testing.T) {
	m := full()
	c := &CloudWatch{Metrics: m, Namespace: "packetboat", Cluster: "production"}
	m.Receiver("archive").Delivered.Add(3)
	m.Receiver("archive").Failed(Transient)
	m.Receiver("Büro\n").LagSeconds.Set(12.5)
	m.Source.Bytes.Add(2048)
	now := time.UnixMilli(1_700_000_000_123)

	var log bytes.Buffer
	require.NoError(t, c.Write(&log, now))
	all := read(t, log.Bytes())
	archive := at(t, all, map[string]string{"cluster": "production", "receiver": "archive"})
	assert.EqualValues(t, 3, archive["packetboat_receiver_events_delivered_total"])
	assert.NotContains(t, archive, "packetboat_receiver_events_lost_total", "never counted, never paid for")
	failed := at(t, all, map[string]string{"cluster": "production", "receiver": "archive", "outcome": "transient"})
	assert.EqualValues(t, 1, failed["packetboat_receiver_failed_attempts_total"])
	assert.InDelta(t, 12.5, at(t, all, map[string]string{"cluster": "production", "receiver": "B_ro_"})["packetboat_receiver_lag_seconds"], 0)
	process := at(t, all, map[string]string{"cluster": "production"})
	assert.EqualValues(t, 2048, process["packetboat_source_received_bytes_total"])
	for name := range process {
		assert.True(t, name == "_aws" || name == "cluster" || strings.HasPrefix(name, "packetboat_"), name)
		assert.NotContains(t, name, "timestamp")
		assert.NotContains(t, name, "_info")
	}
	assert.Equal(t, now.UnixMilli(), all[0].Timestamp)
}

// A Lambda's process makes many runs, and CloudWatch adds up what it is sent.
func TestCloudWatchGetsWhatWasCountedSince(t *testing.T) {
	m := full()
	c := &CloudWatch{Metrics: m, Namespace: "packetboat"}
	delivered := func(w io.ReadWriter) any {
		require.NoError(t, c.Write(w, time.Now()))
		text, err := io.ReadAll(w)
		require.NoError(t, err)
		return at(t, read(t, text), map[string]string{"receiver": "archive"})["packetboat_receiver_events_delivered_total"]
	}
	m.Receiver("archive").Delivered.Add(3)
	assert.EqualValues(t, 3, delivered(&bytes.Buffer{}))
	m.Receiver("archive").Delivered.Add(2)
	require.Error(t, c.Write(brokenWriter{}, time.Now()))
	assert.EqualValues(t, 2, delivered(&bytes.Buffer{}), "what could not be written is still to be told")
	assert.EqualValues(t, 0, delivered(&bytes.Buffer{}))
}

func TestCloudWatchIsNotToldAgainAfterAReload(t *testing.T) {
	m := full()
	m.Receiver("archive").Delivered.Add(3)
	require.NoError(t, (&CloudWatch{Metrics: m, Namespace: "x", Cluster: "old name"}).Write(io.Discard, time.Now()))
	m.Receiver("archive").Delivered.Add(1)
	var log bytes.Buffer
	require.NoError(t, (&CloudWatch{Metrics: m, Namespace: "x", Cluster: "new name"}).Write(&log, time.Now()))
	labels := map[string]string{"cluster": "new name", "receiver": "archive"}
	assert.EqualValues(t, 1, at(t, read(t, log.Bytes()), labels)["packetboat_receiver_events_delivered_total"])
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestCloudWatchHasOnlyOurMetrics(t *testing.T) {
	m := full()
	m.Registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "packetboat_events_total"}, func() float64 { return 5 }))
	var log bytes.Buffer
	require.NoError(t, (&CloudWatch{Metrics: m, Namespace: "x"}).Write(&log, time.Now()))
	assert.NotContains(t, log.String(), "packetboat_events_total", "a receiver's own metrics may be thousands")
}

func TestALineHasNoMoreMetricsThanCloudWatchTakes(t *testing.T) {
	l := line{map[string]string{}, map[string]float64{}, map[string]string{}}
	for i := range 250 {
		l.values[fmt.Sprint(i)] = 1
	}
	parts := l.split()
	require.Len(t, parts, 3)
	seen := map[string]bool{}
	for _, p := range parts {
		assert.LessOrEqual(t, len(p.values), 100)
		for name := range p.values {
			seen[name] = true
		}
	}
	assert.Len(t, seen, 250)
}
