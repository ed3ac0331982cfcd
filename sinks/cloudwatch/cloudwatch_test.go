package cloudwatch

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// request is PutLogEvents as it is on the wire.
type request struct {
	LogGroupName, LogStreamName string
	LogEvents                   []struct {
		Message   string
		Timestamp int64
	}
}

var protocol = sinktest.AWS{
	Read: func(t *testing.T, body []byte) []sinktest.Delivery {
		var r request
		assert.NoError(t, json.Unmarshal(body, &r))
		assert.Equal(t, "/kubernetes/events", r.LogGroupName)
		assert.NotEmpty(t, r.LogStreamName)
		assert.LessOrEqual(t, len(r.LogEvents), 10_000)
		sum := 0
		last := r.LogEvents[0].Timestamp
		var got []sinktest.Delivery
		for _, e := range r.LogEvents {
			sum += len(e.Message) + 26
			assert.GreaterOrEqual(t, e.Timestamp, last, "in chronological order")
			last = e.Timestamp
			got = append(got, sinktest.Delivery{Body: []byte(e.Message)})
		}
		assert.LessOrEqual(t, sum, 1<<20)
		assert.LessOrEqual(t, last-r.LogEvents[0].Timestamp, int64(24*60*60*1000), "24 hours")
		return got
	},
	Malformed: "InvalidParameterException", Throttled: "ThrottlingException",
}

func destination(t *testing.T) sinktest.Destination {
	t.Helper()
	service := sinktest.NewAWSService(t, protocol)
	return sinktest.Destination{
		Kind: Kind, Service: service, Config: "logGroupName: /kubernetes/events\n" + sinktest.AWSAccess(service.URL),
	}
}

func harness() sinktest.Harness {
	return sinktest.Harness{
		Start: destination, Secrets: sinktest.AWSSecrets,
		NoPartial:          "CloudWatch refuses beginnings and ends of a batch by time, tested below",
		NoDeduplicationKey: "CloudWatch has none: uid and resourceVersion in the message are the ID",
	}
}

// In the default JSON the bytes of a batch are reached before its records.
func TestConformance(t *testing.T) {
	h := harness()
	h.Golden = "testdata/layout"
	h.Start = func(t *testing.T) sinktest.Destination {
		d := destination(t)
		d.Config += "layout: {text: '{{ .Message }}'}\n"
		return d
	}
	sinktest.Run(t, h)
}

func TestTheDefaultIsTheEventsJSON(t *testing.T) {
	s, err := sinktest.Open(t, Kind, "{logGroupName: a}")
	require.NoError(t, err)
	for _, c := range sinktest.Events() {
		r, err := s.Encode(c.Event)
		require.NoError(t, err)
		assert.Equal(t, string(c.Event.ToJSON()), string(r.Body), c.Name)
	}
}

func TestFaults(t *testing.T) { sinktest.Survive(t, harness()) }

func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 2, sinktest.RequestsPerThousand(t, destination(t)))
}

// Once a log event had at most 256 KiB.
func TestAGroupThatTakesLess(t *testing.T) { sinktest.Splits(t, destination(t), 256<<10) }

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		"{}": "logGroupName: is missing",
		"{logGroupName: " + strings.Repeat("a", 513) + "}": fmt.Sprintf("logGroupName: %q is not a name such as /kubernetes/events", strings.Repeat("a", 513)),
		"{logGroupName: a b}":                              `logGroupName: "a b" is not a name such as /kubernetes/events`,
		"{logGroupName: a, logStreamName: ''}":             "logStreamName: is empty",
		"{logGroupName: a, logStreamName: 'b:c'}":          "line 1, column 34: logStreamName: want at most 512 characters without : and *",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
	_, err := sinktest.Open(t, Kind, "{logGroupName: a, logStreamName: '{{ .Nope }}'}")
	assert.ErrorContains(t, err, "logStreamName: line 1")
}

func at(t time.Time, name string) *event.Event {
	ev := event.Sample()
	ev.Series = nil
	ev.LastTimestamp, ev.Message = metav1.NewTime(t), name
	return ev
}

// Events come in the order of their versions; CloudWatch wants that of their times.
func TestOrderAndSpan(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	d := destination(t)
	events := []*event.Event{
		at(noon.Add(time.Hour), "c"), at(noon, "a"), at(noon.Add(-20*time.Hour), "yesterday"), at(noon, "b"), at(noon.Add(20*time.Hour), "tomorrow"),
	}
	stats := sinktest.Deliver(t, Kind, d.Config+"layout: '{{ .Message }}'\n", events)
	assert.EqualValues(t, 5, stats.Delivered)
	got := sinktest.Bodies(d.Service)
	slices.Sort(got)
	assert.Equal(t, []string{`"a"`, `"b"`, `"c"`, `"tomorrow"`, `"yesterday"`}, got)
	assert.Equal(t, 3, d.Service.Attempts(), "a request for each day")

	var batch []sinks.Record
	for _, i := range []int{0, 1, 3} {
		batch = append(batch, sinks.Record{Event: events[i], Body: []byte(events[i].Message)})
	}
	lines, places := inOrder(batch, noon)
	assert.Equal(t, []int{1, 2, 0}, places)
	assert.Equal(t, "a b c", *lines[0].Message+" "+*lines[1].Message+" "+*lines[2].Message)
	lines, _ = inOrder([]sinks.Record{{Event: &event.Event{}}}, noon)
	assert.Equal(t, noon.UnixMilli(), *lines[0].Timestamp)
}

func TestStreamsByEvent(t *testing.T) {
	s, err := sinktest.Open(t, Kind, "{logGroupName: a, logStreamName: '{{ .Message }}'}")
	require.NoError(t, err)
	now := sinktest.Now
	for message, want := range map[string]string{
		"shop": "shop", "a:b*c\n": "a_b_c_", strings.Repeat("ü", 600): strings.Repeat("ü", 512),
	} {
		r, err := s.Encode(at(now, message))
		require.NoError(t, err)
		assert.Equal(t, want, streamOf(r.Key))
	}
	_, err = s.Encode(at(now, ""))
	assert.ErrorContains(t, err, "logStreamName: as rendered for this event it is empty")
}

func TestWhatIsTooOldOrTooNewIsADeadLetter(t *testing.T) {
	places := []int{4, 2, 0, 1, 3} // by time
	err := refused(&types.RejectedLogEventsInfo{
		ExpiredLogEventEndIndex: aws.Int32(1), TooOldLogEventEndIndex: aws.Int32(2), TooNewLogEventStartIndex: aws.Int32(4),
	}, places)
	var partial *sinks.PartialError
	require.ErrorAs(t, err, &partial)
	assert.Len(t, partial.Refused, 3)
	for place, text := range map[int]string{4: "14 days", 2: "14 days", 3: "in the future"} {
		assert.ErrorContains(t, partial.Refused[place], text)
		assert.True(t, sinks.IsPermanent(partial.Refused[place]))
	}
	assert.NoError(t, refused(nil, places))
	assert.NoError(t, refused(&types.RejectedLogEventsInfo{}, places))
}

// A stream that does not exist is made; a group that does not exist is a typo.
func TestTheStreamIsMade(t *testing.T) {
	service := sinktest.NewAWSService(t, protocol)
	behind, err := url.Parse(service.URL)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(behind)
	var created atomic.Int32
	var what atomic.Value
	what.Store("log group")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("X-Amz-Target") == "Logs_20140328.CreateLogStream":
			body, _ := io.ReadAll(r.Body)
			assert.JSONEq(t, `{"logGroupName":"/kubernetes/events","logStreamName":"packetboat"}`, string(body))
			created.Add(1)
		case created.Load() == 0:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"ResourceNotFoundException","message":"The specified `+what.Load().(string)+` does not exist."}`)
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	config := "logGroupName: /kubernetes/events\n" + sinktest.AWSAccess(server.URL)
	send := func(config string) error {
		s, err := sinktest.Open(t, Kind, config)
		require.NoError(t, err)
		r, err := s.Encode(event.Sample())
		require.NoError(t, err)
		return s.Send(t.Context(), []sinks.Record{r})
	}
	assert.True(t, sinks.IsStop(send(config)), "no such group")
	what.Store("log stream")
	assert.True(t, sinks.IsStop(send(config+"createLogStream: false")), "no such stream")
	assert.Zero(t, created.Load())

	stats := sinktest.Deliver(t, Kind, config, []*event.Event{event.Sample()})
	assert.EqualValues(t, 1, stats.Delivered)
	assert.EqualValues(t, 1, created.Load())
}
