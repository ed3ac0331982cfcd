package sqs

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// request is SendMessageBatch as it is on the wire.
type request struct {
	QueueUrl string
	Entries  []entry
}

type entry struct {
	ID                     string `json:"Id"`
	MessageBody            string
	MessageGroupID         string `json:"MessageGroupId"`
	MessageDeduplicationID string `json:"MessageDeduplicationId"`
	MessageAttributes      map[string]struct{ DataType, StringValue string }
}

var protocol = sinktest.AWS{
	Read: func(t *testing.T, body []byte) []sinktest.Delivery {
		var r request
		assert.NoError(t, json.Unmarshal(body, &r))
		assert.LessOrEqual(t, len(r.Entries), 10)
		sum := 0
		ids := map[string]bool{}
		var got []sinktest.Delivery
		for _, e := range r.Entries {
			id := e.MessageAttributes["id"]
			sum += len(e.MessageBody) + len("id") + len(id.DataType) + len(id.StringValue)
			ids[e.ID] = true
			assert.Equal(t, strings.HasSuffix(r.QueueUrl, ".fifo"), e.MessageDeduplicationID != "")
			assert.Equal(t, strings.HasSuffix(r.QueueUrl, ".fifo"), e.MessageGroupID != "")
			got = append(got, sinktest.Delivery{Key: id.StringValue, Body: []byte(e.MessageBody)})
		}
		assert.Len(t, ids, len(r.Entries), "entries have different names")
		assert.LessOrEqual(t, sum, 1<<20)
		return got
	},
	Answer: func(got []sinktest.Delivery, refused []int, code, message string) any {
		answer := map[string][]map[string]any{"Failed": {}, "Successful": {}}
		// SQS does not promise the order of the request.
		for i := len(got) - 1; i >= 0; i-- {
			list, result := "Successful", map[string]any{"Id": strconv.Itoa(i), "MessageId": "m", "MD5OfMessageBody": md5Of(got[i].Body)}
			if slices.Contains(refused, i) {
				list = "Failed"
				result = map[string]any{"Id": strconv.Itoa(i), "Code": code, "Message": message, "SenderFault": true}
			}
			answer[list] = append(answer[list], result)
		}
		return answer
	},
	Malformed: "InvalidMessageContents", Throttled: "RequestThrottled", Entry: "InvalidMessageContents",
}

// groups gives each record a group of its own, so that a batch is a request.
const groups = "messageGroupID: '{{ .ResourceVersion }}'\n"

func harness(queue, more string) sinktest.Harness {
	return sinktest.Harness{
		Start: func(t *testing.T) sinktest.Destination {
			service := sinktest.NewAWSService(t, protocol)
			return sinktest.Destination{
				Kind: Kind, Service: service,
				Config: "queueURL: " + service.URL + "/1/" + queue + "\n" + more + sinktest.AWSAccess(service.URL),
			}
		},
		Secrets: sinktest.AWSSecrets,
	}
}

func TestConformance(t *testing.T) {
	t.Run("events", func(t *testing.T) { sinktest.Run(t, harness("events", "")) })
	t.Run("events.fifo", func(t *testing.T) { sinktest.Run(t, harness("events.fifo", groups)) })
}

func TestFaults(t *testing.T) {
	t.Run("events", func(t *testing.T) { sinktest.Survive(t, harness("events", "")) })
	t.Run("events.fifo", func(t *testing.T) { sinktest.Survive(t, harness("events.fifo", groups)) })
}

func TestAGroupStaysInOrder_DS23(t *testing.T) {
	sinktest.StaysInOrder(t, harness("events.fifo", "messageGroupID: '{{ .Namespace }}'\n"))
}

// A queue can be set to take less than SQS does, and once all of them took 256 KiB.
func TestAQueueThatTakesLess_DS23(t *testing.T) {
	for _, queue := range []string{"events", "events.fifo"} {
		sinktest.Splits(t, harness(queue, "").Start(t), 256<<10)
	}
}

func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 100, sinktest.RequestsPerThousand(t, harness("events", "").Start(t)))
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		"{}":                                     "queueName: is missing",
		"{queueName: a, queueURL: http:}":        "queueURL: cannot be set beside queueName",
		"{queueURL: q}":                          "queueURL: want a URL that begins with http:// or https://",
		"{queueURL: 'http://h/q', accountID: 1}": "accountID: is of use beside queueName only",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
	_, err := sinktest.Open(t, Kind, "{queueName: a, messageGroupID: '{{ .Nope }}'}")
	assert.ErrorContains(t, err, "messageGroupID: line 1")
}

func TestTheQueuesURLNamesRegionAndHost_DS23(t *testing.T) {
	c := Config{QueueURL: "https://sqs.eu-central-1.amazonaws.com/1/q"}
	assert.Equal(t, "eu-central-1", c.access().Region)
	assert.Equal(t, "https://sqs.eu-central-1.amazonaws.com", c.access().Endpoint)
	c = Config{QueueURL: "http://localhost:4566/1/q"}
	assert.Empty(t, c.access().Region)
	assert.Equal(t, "http://localhost:4566", c.access().Endpoint)
}

// A queue's name is looked up by the first Send, once, and a queue that is not
// there stops the receiver.
func TestTheNameIsLookedUpByTheFirstSend_DS23(t *testing.T) {
	service := sinktest.NewAWSService(t, protocol)
	behind, err := url.Parse(service.URL)
	require.NoError(t, err)
	var lookups atomic.Int32
	var missing atomic.Bool
	missing.Store(true)
	proxy := httputil.NewSingleHostReverseProxy(behind)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Target") != "AmazonSQS.GetQueueUrl" {
			proxy.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		assert.JSONEq(t, `{"QueueName":"events","QueueOwnerAWSAccountId":"42"}`, string(body))
		lookups.Add(1)
		if missing.Load() {
			w.Header().Set("X-Amzn-Query-Error", "AWS.SimpleQueueService.NonExistentQueue;Sender")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}`)
			return
		}
		_, _ = io.WriteString(w, `{"QueueUrl":"https://sqs.us-east-1.amazonaws.com/42/events"}`)
	}))
	t.Cleanup(server.Close)
	s, err := sinktest.Open(t, Kind, "queueName: events\naccountID: 42\n"+sinktest.AWSAccess(server.URL))
	require.NoError(t, err)
	assert.Zero(t, lookups.Load(), "Open touches no network")
	r, err := s.Encode(event.Sample())
	require.NoError(t, err)

	err = s.Send(t.Context(), []sinks.Record{r})
	assert.ErrorContains(t, err, "The specified queue does not exist.")
	assert.True(t, sinks.IsStop(err))
	missing.Store(false)
	require.NoError(t, s.Send(t.Context(), []sinks.Record{r}))
	require.NoError(t, s.Send(t.Context(), []sinks.Record{r}))
	assert.EqualValues(t, 2, lookups.Load())
	assert.Len(t, service.Deliveries(), 2)
}

func TestFIFO_DS23(t *testing.T) {
	for config, want := range map[string]string{
		"{queueName: a}":      "",
		"{queueName: a.fifo}": string(event.Sample().InvolvedObject.UID),
		"{queueName: a.fifo, messageGroupID: '{{ .Reason }}'}":       "BackOff",
		"{queueName: a, messageGroupID: '{{ .Reason }}'}":            "BackOff",
		"{queueName: a.fifo, messageGroupID: '{{ .GenerateName }}'}": "events",
	} {
		s, err := sinktest.Open(t, Kind, config)
		require.NoError(t, err)
		r, err := s.Encode(event.Sample())
		require.NoError(t, err)
		e, err := s.(*sink).entry(3, r)
		require.NoError(t, err)
		got := ""
		if e.MessageGroupId != nil {
			got = *e.MessageGroupId
		}
		assert.Equal(t, want, got, config)
		if strings.Contains(config, ".fifo") {
			assert.Equal(t, event.Sample().ID(), *e.MessageDeduplicationId)
			assert.Equal(t, 1, s.Limits().Concurrency)
		} else {
			assert.Nil(t, e.MessageDeduplicationId)
		}
	}
}

// md5Of is what the SDK checks an acknowledgement by.
func md5Of(body []byte) string {
	sum := md5.Sum(body)
	return hex.EncodeToString(sum[:])
}
