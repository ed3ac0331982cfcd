package eventbridge

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// request is PutEvents as it is on the wire.
type request struct {
	Entries []struct {
		Source, DetailType, Detail, EventBusName string
		Time                                     float64
	}
}

var protocol = sinktest.AWS{
	Read: func(t *testing.T, body []byte) []sinktest.Delivery {
		var r request
		assert.NoError(t, json.Unmarshal(body, &r))
		assert.LessOrEqual(t, len(r.Entries), 10)
		sum := 0
		var got []sinktest.Delivery
		for _, e := range r.Entries {
			sum += 14 + len(e.Source) + len(e.DetailType) + len(e.Detail)
			assert.Equal(t, "events", e.EventBusName)
			assert.Truef(t, strings.HasPrefix(e.Detail, "{") && json.Valid([]byte(e.Detail)), "%.80s", e.Detail)
			got = append(got, sinktest.Delivery{Body: []byte(e.Detail)})
		}
		if len(got) > 1 {
			assert.Less(t, sum, 256_000)
		}
		assert.Less(t, sum, 1<<20)
		return got
	},
	Answer: func(got []sinktest.Delivery, refused []int, code, message string) any {
		entries := make([]map[string]string, len(got))
		for i := range got {
			entries[i] = map[string]string{"EventId": "1"}
		}
		for _, i := range refused {
			entries[i] = map[string]string{"ErrorCode": code, "ErrorMessage": message}
		}
		return map[string]any{"FailedEntryCount": len(refused), "Entries": entries}
	},
	Malformed: "ValidationException", Throttled: "ThrottlingException", Entry: "MalformedDetail",
}

func destination(t *testing.T) sinktest.Destination {
	t.Helper()
	service := sinktest.NewAWSService(t, protocol)
	return sinktest.Destination{
		Kind: Kind, Service: service, Config: "eventBusName: events\n" + sinktest.AWSAccess(service.URL),
	}
}

func harness() sinktest.Harness {
	return sinktest.Harness{
		Start: destination, Secrets: sinktest.AWSSecrets,
		NoDeduplicationKey: "EventBridge has none: uid and resourceVersion in the detail are the ID",
	}
}

// FailedEntryCount in a 200 is a failure, of these entries and no others.
func TestConformance(t *testing.T) { sinktest.Run(t, harness()) }

func TestFaults_DS25(t *testing.T) { sinktest.Survive(t, harness()) }

func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 100, sinktest.RequestsPerThousand(t, destination(t)))
}

// In China a request takes 256 KB in all.
func TestARegionThatTakesLess(t *testing.T) { sinktest.Splits(t, destination(t), 250_000) }

func openConfig(t *testing.T, config string, log io.Writer) (sinks.Sink, error) {
	t.Helper()
	c := Kind.NewConfig()
	require.NoError(t, yaml.Unmarshal([]byte(config), c))
	return Kind.Open(t.Context(), c, sinktest.Env(log))
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		"{source: ''}":      "source: is empty",
		"{detailType: ''}":  "detailType: is empty",
		"{source: aws.ec2}": "line 1, column 10: source: aws. is for AWS's own events",
		"{details: [a]}":    "line 1, column 11: details: EventBridge wants a mapping",
		"{details: text}":   "line 1, column 11: details: EventBridge wants a mapping",
	} {
		_, err := openConfig(t, config, io.Discard)
		assert.EqualError(t, err, want, config)
	}
	for _, key := range []string{"source", "detailType", "details: {a"} {
		_, err := openConfig(t, "{"+key+": '{{ .Nope }}'"+strings.Repeat("}", 1+strings.Count(key, "{")), io.Discard)
		assert.ErrorContains(t, err, "line 1, column", key)
	}
}

func TestTheTimeIsTheEvents_DS25(t *testing.T) {
	s, err := openConfig(t, "{source: 'k8s.{{ .Namespace }}', detailType: '{{ .Message }}', details: {reason: '{{ .Reason }}'}}", io.Discard)
	require.NoError(t, err)
	ev := event.Sample()
	ev.Message = strings.Repeat("ü", 200)
	r, err := s.Encode(ev)
	require.NoError(t, err)
	e, err := s.(*sink).entry(r)
	require.NoError(t, err)
	assert.Equal(t, ev.Time(), *e.Time)
	assert.Equal(t, "k8s.default", *e.Source)
	assert.Equal(t, strings.Repeat("ü", 128), *e.DetailType)
	assert.Equal(t, `{"reason":"BackOff"}`, *e.Detail)
	assert.Nil(t, e.EventBusName, "the account's own")

	e, err = s.(*sink).entry(sinks.Record{Event: &event.Event{}})
	assert.Error(t, err, "no detailType")
	assert.Nil(t, e.Time)
	_, err = s.Encode(&event.Event{})
	assert.ErrorContains(t, err, "detailType: as rendered for this event it is empty")
}

func TestNothingOfTheEventIsLogged_DS25(t *testing.T) {
	d := destination(t)
	d.Service.Script(sinktest.Answer{Outcome: sinktest.Partly, Refused: []int{0}})
	var log bytes.Buffer
	s, err := openConfig(t, d.Config, &log)
	require.NoError(t, err)
	ev := event.Sample()
	ev.Message = "not-for-the-log"
	r, err := s.Encode(ev)
	require.NoError(t, err)
	require.Error(t, s.Send(t.Context(), []sinks.Record{r}))
	require.NoError(t, s.Send(t.Context(), []sinks.Record{r}))
	assert.NotContains(t, log.String(), ev.Message)
}
