package syslog

import (
	"bytes"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

func TestWhatArrives(t *testing.T) {
	t.Log("peer: a server of the test")
	events := sinktest.Kibibyte(500)
	for _, format := range []string{rfc3164, rfc5424} {
		d := harness(format).Start(t)
		require.EqualValues(t, len(events), sinktest.Deliver(t, d.Kind, d.Config, events).Delivered)
		got := d.Service.Deliveries()
		require.Len(t, got, len(events))
		for i, ev := range events {
			require.True(t, bytes.HasSuffix(got[i].Body, ev.ToJSON()))
		}
	}
}

// Each format, as rsyslogd understands it; 10,000 events with LIVE=all.
func TestWhatRsyslogUnderstands(t *testing.T) {
	server, file := peers.StartRsyslog(t)
	if server == nil {
		return // TestWhatArrives has the fake
	}
	n := 1000
	if os.Getenv("LIVE") == "all" {
		n = 10_000
	}
	events := sinktest.Kibibyte(n)
	for _, more := range []string{"format: rfc5424", "format: rfc5424\nframing: newline", "format: rfc3164"} {
		t.Run(strings.ReplaceAll(more, "\n", ", "), func(t *testing.T) {
			require.NoError(t, os.RemoveAll(file))
			server.Restart() // with a new file
			stats := sinktest.Deliver(t, Kind, "network: tcp\naddress: "+server.Addr+"\n"+more, events)
			require.EqualValues(t, len(events), stats.Delivered)
			seen := read(t, file)
			require.Len(t, seen, len(events))
			for i, ev := range events {
				requireSeen(t, ev, seen[i], strings.Contains(more, rfc5424))
			}
		})
	}
}

// read takes rsyslogd's file apart: pri, host, app, msgid, structured data, message.
func read(t *testing.T, file string) [][]string {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	var seen [][]string
	for line := range strings.Lines(string(content)) {
		seen = append(seen, strings.SplitN(strings.TrimSuffix(line, "\n"), "|", 6))
	}
	return seen
}

func requireSeen(t *testing.T, ev *event.Event, fields []string, is5424 bool) {
	t.Helper()
	require.Equal(t, []string{"132", ev.Host(), "packetboat"}, fields[:3])
	require.Equal(t, string(ev.ToJSON()), strings.TrimPrefix(fields[5], " "))
	if is5424 {
		require.Equal(t, ev.Reason, fields[3])
		require.Contains(t, fields[4], `id="`+ev.ID()+`"`)
	}
}

// A server that crashes in mid-run and comes back has every event; what came
// twice has the same ID.
func TestARestartOfTheServer(t *testing.T) {
	server, file := peers.StartRsyslog(t)
	if server == nil {
		return // TestFaults has the fake
	}
	events := sinktest.Kibibyte(5000)
	stats := sinktest.Deliver(t, sinktest.InMidRun(Kind, server.Kill, server.Start), "network: tcp\naddress: "+server.Addr+"\nformat: rfc5424", events)
	require.EqualValues(t, len(events), stats.Delivered)
	seen, torn := map[string][]string{}, 0
	for _, fields := range read(t, file) {
		if len(fields) < 6 || !strings.HasSuffix(fields[5], "}") {
			torn++
			continue
		}
		_, id, _ := strings.Cut(fields[4], `id="`)
		id, _, _ = strings.Cut(id, `"`)
		seen[id] = fields
	}
	for _, ev := range events {
		fields, has := seen[ev.ID()]
		require.True(t, has, "%s is missing", ev.ID())
		requireSeen(t, ev, fields, true)
	}
	assert.Len(t, seen, len(events))
	assert.LessOrEqual(t, torn, 1, "where it was killed")
	t.Logf("%d attempts for %d batches", stats.Attempts, stats.Batches)
}

// Without confirm the connection is kept, and one that the server has ended is
// found before anything is written to it.
func TestWithoutConfirm(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	s := sinktest.MustOpen(t, Kind, "network: tcp\naddress: "+l.Addr().String()+"\nconfirm: false")
	batch := sinktest.Encode(t, s, sinktest.Kibibyte(1)...)
	want := append(bytes.Clone(batch[0].Body), '\n')
	got := make([]byte, len(want))
	read := func(c net.Conn) {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err := io.ReadFull(c, got)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got))
	}
	require.NoError(t, s.Send(t.Context(), batch))
	first, err := l.Accept()
	require.NoError(t, err)
	read(first)
	require.NoError(t, s.Send(t.Context(), batch))
	read(first)
	require.NoError(t, first.Close())
	require.NoError(t, s.Send(t.Context(), batch))
	second, err := l.Accept()
	require.NoError(t, err)
	read(second)
	require.NoError(t, second.Close())
}
