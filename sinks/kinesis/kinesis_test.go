package kinesis

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

func destination(t *testing.T) sinktest.Destination {
	t.Helper()
	service := sinktest.NewAWSService(t, protocol())
	return sinktest.Destination{
		Kind: Kind, Service: service,
		Config: "streamName: events\n" + sinktest.AWSAccess(service.URL),
	}
}

// request is PutRecords as it is on the wire.
type request struct {
	StreamName, StreamARN string
	Records               []struct {
		Data         []byte
		PartitionKey string
	}
}

func protocol() sinktest.AWS {
	return sinktest.AWS{
		Read: func(t *testing.T, body []byte) []sinktest.Delivery {
			var r request
			assert.NoError(t, json.Unmarshal(body, &r))
			assert.LessOrEqual(t, len(r.Records), 500)
			sum := 0
			var got []sinktest.Delivery
			for _, record := range r.Records {
				size := len(record.Data) + len(record.PartitionKey)
				assert.NotEmpty(t, record.PartitionKey)
				assert.LessOrEqual(t, utf8.RuneCountInString(record.PartitionKey), 256)
				sum += size
				got = append(got, sinktest.Delivery{Body: record.Data})
			}
			assert.LessOrEqual(t, sum, 5<<20)
			return got
		},
		Answer: func(got []sinktest.Delivery, refused []int, code, message string) any {
			records := make([]map[string]string, len(got))
			for i := range got {
				records[i] = map[string]string{"SequenceNumber": "1", "ShardId": "shardId-000000000000"}
			}
			for _, i := range refused {
				records[i] = map[string]string{"ErrorCode": code, "ErrorMessage": message}
			}
			return map[string]any{"FailedRecordCount": len(refused), "Records": records}
		},
		Malformed: "InvalidArgumentException", Throttled: "ProvisionedThroughputExceededException",
		Entry: "InvalidArgumentException",
	}
}

func harness() sinktest.Harness {
	return sinktest.Harness{
		Start: destination, Secrets: sinktest.AWSSecrets,
		NoDeduplicationKey: "Kinesis has none: uid and resourceVersion in the body are the ID",
	}
}

func TestConformance(t *testing.T) { sinktest.Run(t, harness()) }

// Kinesis throttles by shard: of a batch only what it refused is sent again.
func TestFaults_DS21(t *testing.T) { sinktest.Survive(t, harness()) }

func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 2, sinktest.RequestsPerThousand(t, destination(t)))
}

// A stream takes records of 1 MiB until it is set to more.
func TestAStreamThatTakesLess(t *testing.T) { sinktest.Splits(t, destination(t), 256<<10) }

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		"{}":                              "streamName: is missing",
		"{streamName: a, streamARN: b}":   "streamARN: cannot be set beside streamName",
		"{streamARN: b}":                  "streamARN: want arn:aws:kinesis:REGION:ACCOUNT:stream/NAME",
		"{streamName: a, endpoint: h:1}":  "endpoint: want a URL such as https://minio.example.com:9000",
		"{streamName: a, accessKeyID: x}": "accessKeyID and secretAccessKey belong together, one of them is missing",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
	_, err := sinktest.Open(t, Kind, "{streamName: a, partitionKey: '{{ .Nope }}'}")
	assert.ErrorContains(t, err, "partitionKey: line 1, column 35")
}

func TestPartitionKey_DS21(t *testing.T) {
	ev := event.Sample()
	ev.InvolvedObject.Name = strings.Repeat("ü", 300)
	for config, want := range map[string]string{
		"{}":                                    string(ev.UID),
		"{partitionKey: '{{ .Namespace }}'}":    "default",
		"{partitionKey: '{{ .GenerateName }}'}": ev.ID(),
		"{partitionKey: '{{ .InvolvedObject.Name }}'}": strings.Repeat("ü", 256),
	} {
		s, err := sinktest.Open(t, Kind, strings.Replace(config, "{", "{streamName: a, ", 1))
		require.NoError(t, err)
		got, err := s.(*sink).keyOf(ev)
		require.NoError(t, err)
		assert.Equal(t, want, got, config)
	}
}
