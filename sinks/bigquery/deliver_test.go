package bigquery

import (
	"errors"
	"strings"
	"testing"
	"time"

	client "cloud.google.com/go/bigquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"

	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

func TestRequestsPerThousand(t *testing.T) {
	s := scripted(t)
	d := sinktest.Destination{Kind: Kind, Service: s, Config: configOf(s.URL)}
	assert.Equal(t, 1, sinktest.RequestsPerThousand(t, d))
}

// Whatever goes wrong on the way, nothing is missing, what came twice came under
// the same ID, and of a batch that was taken in part only the rest came again.
func TestFaults(t *testing.T) {
	sinktest.Survive(t, sinktest.Harness{Start: func(t *testing.T) sinktest.Destination {
		s := scripted(t)
		return sinktest.Destination{Kind: Kind, Service: s, Config: configOf(s.URL)}
	}})
}

// The network breaks in mid-request and before an answer. The emulator
// keeps its tables in memory, so that it stays up.
func TestEventsReadBack(t *testing.T) {
	t.Log("peer: a fake of BigQuery's REST API, in process")
	all := map[string]string{"fake": strings.TrimPrefix(startWarehouse(t).url, "http://")}
	if server := peers.StartBigQuery(t); server != nil {
		all["bqemulator"] = server.Addr
	}
	for name, addr := range all {
		t.Run(name, func(t *testing.T) {
			cutter := sinktest.NewCutter(t, addr)
			config := "{project: boats, dataset: ops, table: events, batch_size: 200, endpoint: 'http://" + cutter.Addr + "'}"
			events := sinktest.Kibibyte(1000)
			reader, err := client.NewClient(t.Context(), "boats", option.WithEndpoint("http://"+addr+"/bigquery/v2/"), option.WithoutAuthentication())
			require.NoError(t, err)
			t.Cleanup(func() { _ = reader.Close() })
			// The emulator answers 500 to a table in a dataset that is missing.
			require.NoError(t, reader.Dataset("ops").Create(t.Context(), nil))
			sinktest.Deliver(t, Kind, config, events[:1])
			cutter.Request(100_000)
			sinktest.Deliver(t, sinktest.InMidRun(Kind, cutter.NextAnswer), config, events[1:])
			want := map[string]string{}
			for _, ev := range events {
				want[ev.ID()] = ev.Time().Truncate(time.Microsecond).String() + ev.Message + ev.InvolvedObject.Name
			}
			assert.Equal(t, want, readBack(t, reader))
		})
	}
}

// readBack reads by Google's own library, which knows types.
func readBack(t *testing.T, reader *client.Client) map[string]string {
	t.Helper()
	got := map[string]string{}
	for rows := reader.Dataset("ops").Table("events").Read(t.Context()); ; {
		var row struct {
			ID      string    `bigquery:"id"`
			Time    time.Time `bigquery:"time"`
			Message string    `bigquery:"message"`
			Object  struct {
				Name string `bigquery:"name"`
			} `bigquery:"involvedObject"`
		}
		err := rows.Next(&row)
		if errors.Is(err, iterator.Done) {
			return got
		}
		require.NoError(t, err)
		got[row.ID] = row.Time.UTC().String() + row.Message + row.Object.Name
	}
}
