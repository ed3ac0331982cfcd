package firehose

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

func destination(t *testing.T) sinktest.Destination {
	t.Helper()
	service := sinktest.NewAWSService(t, protocol)
	return sinktest.Destination{
		Kind: Kind, Service: service, Config: "deliveryStreamName: events\n" + sinktest.AWSAccess(service.URL),
	}
}

var protocol = sinktest.AWS{
	Read: func(t *testing.T, body []byte) []sinktest.Delivery {
		var r struct {
			DeliveryStreamName string
			Records            []struct{ Data []byte }
		}
		assert.NoError(t, json.Unmarshal(body, &r))
		assert.Equal(t, "events", r.DeliveryStreamName)
		assert.LessOrEqual(t, len(r.Records), 500)
		sum := 0
		var got []sinktest.Delivery
		for _, record := range r.Records {
			assert.LessOrEqual(t, len(record.Data), 1000*1024)
			sum += len(record.Data)
			got = append(got, sinktest.Delivery{Body: record.Data})
		}
		assert.LessOrEqual(t, sum, 4<<20)
		return got
	},
	Answer: func(got []sinktest.Delivery, refused []int, code, message string) any {
		records := make([]map[string]string, len(got))
		for i := range got {
			records[i] = map[string]string{"RecordId": "1"}
		}
		for _, i := range refused {
			records[i] = map[string]string{"ErrorCode": code, "ErrorMessage": message}
		}
		return map[string]any{"FailedPutCount": len(refused), "RequestResponses": records}
	},
	Malformed: "InvalidArgumentException", Throttled: "ServiceUnavailableException", Entry: "InvalidArgumentException",
}

func harness() sinktest.Harness {
	return sinktest.Harness{
		Start: destination, Secrets: sinktest.AWSSecrets,
		NoDeduplicationKey: "Firehose has none: uid and resourceVersion in the body are the ID",
	}
}

func TestConformance(t *testing.T) { sinktest.Run(t, harness()) }

func TestFaults(t *testing.T) { sinktest.Survive(t, harness()) }

func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 2, sinktest.RequestsPerThousand(t, destination(t)))
}

func TestAStreamThatTakesLess(t *testing.T) { sinktest.Splits(t, destination(t), 256<<10) }

func TestConfigSaysWhatIsWrong(t *testing.T) {
	_, err := sinktest.Open(t, Kind, "{}")
	assert.EqualError(t, err, "deliveryStreamName: is missing")
	_, err = sinktest.Open(t, Kind, "{deliveryStreamName: a, layout: {a: '{{ .Nope }}'}}")
	assert.ErrorContains(t, err, "line 1, column")
}

func TestARecordIsALine_DS22(t *testing.T) {
	for config, want := range map[string]string{
		"{deliveryStreamName: a, layout: '{{ .Reason }}'}":                 "\"BackOff\"\n",
		"{deliveryStreamName: a, layout: '{{ .Reason }}', newline: false}": `"BackOff"`,
	} {
		s, err := sinktest.Open(t, Kind, config)
		require.NoError(t, err)
		r, err := s.Encode(event.Sample())
		require.NoError(t, err)
		assert.Equal(t, want, string(r.Body))
	}
}
