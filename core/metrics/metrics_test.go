package metrics

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// full is a Metrics with one receiver, so that its table is complete.
func full() *Metrics {
	m := New(Options{Version: "1.2.3"})
	m.Receiver("archive")
	return m
}

func names(t *testing.T, m *Metrics) []string {
	t.Helper()
	families, err := m.Registry.Gather()
	require.NoError(t, err)
	var all []string
	for _, f := range families {
		all = append(all, f.GetName())
	}
	return all
}

func TestTheTableIsWhatIsRegistered(t *testing.T) {
	m := full()
	got := slices.DeleteFunc(names(t, m), func(n string) bool {
		return strings.HasPrefix(n, "go_") || strings.HasPrefix(n, "process_")
	})
	var want []string
	for _, line := range m.Table() {
		want = append(want, line.Name)
	}
	assert.ElementsMatch(t, want, got)
	families, err := m.Registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		i := slices.IndexFunc(m.Table(), func(l Metric) bool { return l.Name == f.GetName() })
		if i < 0 {
			continue
		}
		line := m.Table()[i]
		assert.Equal(t, string(line.Type), strings.ToLower(f.GetType().String()), line.Name)
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		assert.Equal(t, line.Labels, labels, line.Name)
	}
}

// https://prometheus.io/docs/practices/naming/
func TestNamesFollowTheConventions(t *testing.T) {
	ours := regexp.MustCompile(`^packetboat_[a-z]+(_[a-z]+)*$`)
	for _, m := range full().Table() {
		if strings.HasPrefix(m.Help, "As upstream:") {
			continue
		}
		assert.Regexp(t, ours, m.Name)
		assert.Equal(t, m.Type == Counter, strings.HasSuffix(m.Name, "_total"), m.Name)
		switch m.Unit {
		case Seconds:
			assert.Regexp(t, `_seconds$`, m.Name)
		case Timestamp:
			assert.Regexp(t, `_timestamp_seconds$`, m.Name)
		case Bytes:
			assert.Regexp(t, `_bytes(_total)?$`, m.Name)
		}
		assert.Regexp(t, `^[A-Z0-9].*\.$`, m.Help, m.Name)
	}
	problems, err := testutil.GatherAndLint(full().Registry, ourNames(full())...)
	require.NoError(t, err)
	assert.Empty(t, problems)
}

func ourNames(m *Metrics) []string {
	var all []string
	for _, line := range m.Table() {
		if strings.HasPrefix(line.Name, "packetboat_") {
			all = append(all, line.Name)
		}
	}
	return all
}

func TestUpstreamsNamesShowWhatOursCount(t *testing.T) {
	m := New(Options{Version: "1.2.3", UpstreamPrefix: "event_exporter_"})
	m.Source.EventsRead.Add(7)
	m.Source.Reconnects.Inc()
	m.Route.TooOld.Add(2)
	m.Enrich.Hits.Add(3)
	m.Enrich.Misses.Add(4)
	m.Receiver("a").Failed(Transient)
	m.Receiver("b").Failed(Stopped)
	m.Receiver("b").Failed(Interrupted)
	m.Forget("a")
	for name, want := range map[string]string{
		"events_sent": "7", "watch_errors": "1", "events_discarded": "2",
		"kube_api_read_cache_hits": "3", "kube_api_read_cache_misses": "4", "send_event_errors": "2",
	} {
		name = "event_exporter_" + name
		text := regexp.MustCompile(`(?m)^` + name + ` (.*)$`).FindStringSubmatch(scrape(t, m))
		require.NotNil(t, text, name)
		assert.Equal(t, want, text[1], name)
	}
	assert.Contains(t, scrape(t, m), `event_exporter_build_info{goarch=`)
	assert.Contains(t, names(t, New(Options{})), "events_sent", "without a prefix, as upstream")
}

func TestAPrefixThatMeetsOtherNames(t *testing.T) {
	for _, prefix := range []string{"packetboat_", "go_"} {
		m := New(Options{UpstreamPrefix: prefix})
		assert.Contains(t, names(t, m), prefix+"events_sent")
		assert.Contains(t, names(t, m), "packetboat_build_info")
		assert.Contains(t, names(t, m), "go_build_info")
	}
}

func TestAReceiverKeepsItsCountsUntilItIsForgotten(t *testing.T) {
	m := New(Options{})
	m.Receiver("a").Delivered.Add(2)
	m.Receiver("b").Delivered.Add(1)
	before := m.Receiver("a")
	assert.Same(t, before, m.Receiver("a"), "also over a reload")
	m.Forget("a")
	m.Forget("never there")
	assert.NotContains(t, scrape(t, m), `receiver="a"`)
	assert.Contains(t, scrape(t, m), `packetboat_receiver_events_delivered_total{receiver="b"} 1`)
	m.Receiver("a").Delivered.Inc()
	assert.Contains(t, scrape(t, m), `packetboat_receiver_events_delivered_total{receiver="a"} 1`)
}

// Every series is there before it first counts: from nothing to 1 is no increase.
func TestEverySeriesIsThereFromTheStart(t *testing.T) {
	text := scrape(t, full())
	for _, series := range []string{
		`packetboat_receiver_failed_attempts_total{outcome="stop",receiver="archive"} 0`,
		`packetboat_source_reads_total{mode="windows"} 0`,
		`packetboat_runs_total{result="failed"} 0`,
		`packetboat_config_reloads_total{result="refused"} 0`,
		`packetboat_enrich_lookups_total{outcome="forbidden"} 0`,
		`packetboat_receiver_up{receiver="archive"} 1`,
	} {
		assert.Contains(t, text, series+"\n")
	}
}

func TestRunsReadsAndReloads(t *testing.T) {
	m := New(Options{})
	at := time.Unix(1_700_000_000, 0)
	m.Run.Ended(Done, time.Second, at)
	m.Run.Ended(Broken, 3*time.Second, at.Add(time.Hour))
	m.Run.Reloaded(true, at)
	m.Run.Reloaded(false, at.Add(time.Hour))
	m.Source.Read(Replay)
	m.Source.Read("file")
	m.Source.Heard(at.Add(time.Minute))
	text := scrape(t, m)
	for _, series := range []string{
		`packetboat_runs_total{result="done"} 1`, `packetboat_runs_total{result="failed"} 1`,
		`packetboat_run_duration_seconds_sum 4`, `packetboat_run_last_success_timestamp_seconds 1.7e+09`,
		`packetboat_config_reloads_total{result="taken"} 1`, `packetboat_config_reloads_total{result="refused"} 1`,
		`packetboat_config_last_reload_successful 0`, `packetboat_config_last_reload_success_timestamp_seconds 1.7e+09`,
		`packetboat_source_reads_total{mode="replay"} 1`, `packetboat_source_last_heard_timestamp_seconds 1.70000006e+09`,
	} {
		assert.Contains(t, text, series+"\n")
	}
	assert.NotContains(t, text, `mode="file"`)
	m.Run.Reloaded(true, at)
	assert.Contains(t, scrape(t, m), "packetboat_config_last_reload_successful 1\n")
}

func TestDiscardCountsAndShowsNothing(t *testing.T) {
	m := Discard()
	m.Receiver("a").Delivered.Inc()
	m.Receiver("a").Failed(Permanent)
	m.Source.Read(Follow)
	m.Forget("a")
	assert.Nil(t, m.Registry, "callers ask for it to know that nothing is shown")
	assert.Empty(t, m.Table())
}

// All that is counted of one attempt and the batch that it delivers.
func BenchmarkABatchCounted(b *testing.B) {
	r := New(Options{}).Receiver("x")
	b.ReportAllocs()
	for b.Loop() {
		r.Attempts.Inc()
		r.Duration.Observe(.01)
		r.Up.Set(1)
		r.Bytes.Add(100_000)
		r.Delivered.Add(100)
		r.Batches.Inc()
	}
}
