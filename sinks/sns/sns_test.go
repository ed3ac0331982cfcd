package sns

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

type failed struct {
	ID          string `xml:"Id"`
	Code        string
	Message     string
	SenderFault bool
}

type successful struct {
	ID        string `xml:"Id"`
	MessageID string `xml:"MessageId"`
}

type answer struct {
	XMLName    struct{}     `xml:"PublishBatchResponse"`
	Failed     []failed     `xml:"PublishBatchResult>Failed>member"`
	Successful []successful `xml:"PublishBatchResult>Successful>member"`
}

var protocol = sinktest.AWS{
	XML: true,
	Read: func(t *testing.T, body []byte) []sinktest.Delivery {
		form, err := url.ParseQuery(string(body))
		assert.NoError(t, err)
		assert.Equal(t, "PublishBatch", form.Get("Action"))
		isFIFO := strings.HasSuffix(form.Get("TopicArn"), ".fifo")
		sum := 0
		var got []sinktest.Delivery
		for i := 1; form.Has(member(i, "Id")); i++ {
			d := sinktest.Delivery{Body: []byte(form.Get(member(i, "Message")))}
			sum += len(d.Body) + len(form.Get(member(i, "Subject")))
			for j := 1; form.Has(member(i, fmt.Sprintf("MessageAttributes.entry.%d.Name", j))); j++ {
				part := func(name string) string {
					return form.Get(member(i, fmt.Sprintf("MessageAttributes.entry.%d.%s", j, name)))
				}
				sum += len(part("Name")) + len(part("Value.DataType")) + len(part("Value.StringValue"))
				if part("Name") == "id" {
					d.Key = part("Value.StringValue")
				}
			}
			assert.Equal(t, isFIFO, form.Has(member(i, "MessageDeduplicationId")))
			assert.Equal(t, isFIFO, form.Has(member(i, "MessageGroupId")))
			got = append(got, d)
		}
		assert.LessOrEqual(t, len(got), 10)
		if len(got) > 1 {
			assert.LessOrEqual(t, sum, 256<<10)
		}
		assert.LessOrEqual(t, sum, 1<<20)
		return got
	},
	Answer: func(got []sinktest.Delivery, refused []int, code, message string) any {
		var a answer
		for i := range got {
			if slices.Contains(refused, i) {
				a.Failed = append(a.Failed, failed{strconv.Itoa(i), code, message, true})
			} else {
				a.Successful = append(a.Successful, successful{strconv.Itoa(i), "m"})
			}
		}
		return a
	},
	Malformed: "InvalidParameter", Throttled: "Throttled", Entry: "InvalidParameter",
}

func member(i int, name string) string {
	return fmt.Sprintf("PublishBatchRequestEntries.member.%d.%s", i, name)
}

func harness(topic, more string) sinktest.Harness {
	return sinktest.Harness{
		Start: func(t *testing.T) sinktest.Destination {
			service := sinktest.NewAWSService(t, protocol)
			return sinktest.Destination{
				Kind: Kind, Service: service,
				Config: "topicARN: arn:aws:sns:us-east-1:1:" + topic + "\n" + more + sinktest.AWSAccess(service.URL),
			}
		},
		Secrets: sinktest.AWSSecrets,
	}
}

// groups gives each record a group of its own, so that a batch is a request.
const groups = "messageGroupID: '{{ .ResourceVersion }}'\n"

const envelopes = "subject: 'Kubernetes: {{ .Message }}'\nattributes: {reason: '{{ .Reason }}', message: '{{ .Message }}'}\n"

func TestConformance(t *testing.T) {
	t.Run("events", func(t *testing.T) { sinktest.Run(t, harness("events", envelopes)) })
	t.Run("events.fifo", func(t *testing.T) { sinktest.Run(t, harness("events.fifo", groups)) })
}

func TestFaults(t *testing.T) {
	t.Run("events", func(t *testing.T) { sinktest.Survive(t, harness("events", "")) })
	t.Run("events.fifo", func(t *testing.T) { sinktest.Survive(t, harness("events.fifo", groups)) })
}

func TestAGroupStaysInOrder(t *testing.T) {
	sinktest.StaysInOrder(t, harness("events.fifo", "messageGroupID: '{{ .Namespace }}'\n"))
}

// A topic takes 256 KiB until it is told to take more.
func TestATopicThatTakesLess(t *testing.T) {
	for _, topic := range []string{"events", "events.fifo"} {
		sinktest.Splits(t, harness(topic, "").Start(t), 250<<10)
	}
}

func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 100, sinktest.RequestsPerThousand(t, harness("events", "").Start(t)))
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	const topic = "topicARN: arn:aws:sns:eu-central-1:1:t\n"
	for config, want := range map[string]string{
		"{}":                             "topicARN: is missing",
		"{topicARN: events}":             "topicARN: want arn:aws:sns:REGION:ACCOUNT:NAME",
		topic + "attributes: {id: x}":    "line 2, column 18: attributes: id is the event's ID already",
		topic + "attributes: {'a b': x}": `line 2, column 21: attributes: "a b" is not a name that SNS takes`,
		topic + "attributes: {AWS.x: y}": `line 2, column 21: attributes: "AWS.x" is not a name that SNS takes`,
		topic + "attributes: {a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1, j: 1}": "attributes: 10 are more than 9",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
	for _, key := range []string{"subject: '{{ .Nope }}'", "messageGroupID: '{{ .Nope }}'", "attributes: {a: '{{ .Nope }}'}", "layout: {a: '{{ .Nope }}'}"} {
		_, err := sinktest.Open(t, Kind, topic+key)
		assert.ErrorContains(t, err, "line 2", key)
	}
}

func TestEnvelope_DS24(t *testing.T) {
	ev := event.Sample()
	ev.Message = "Grüße\r\nX-Header: \x00yes " + strings.Repeat("x", 300)
	ev.Reason = ""
	s, err := sinktest.Open(t, Kind, "topicARN: arn:aws:sns:eu-central-1:1:t.fifo\nsubject: '{{ .Message }}'\n"+
		"attributes: {reason: '{{ .Reason }}', message: '{{ .Message }}', ns: '{{ .Namespace }}'}\nmessageGroupID: '{{ .Namespace }}'")
	require.NoError(t, err)
	assert.Equal(t, "eu-central-1", s.(*sink).config.AWS.Region, "the topic's")
	r, err := s.Encode(ev)
	require.NoError(t, err)
	e, err := s.(*sink).entry(3, r)
	require.NoError(t, err)
	assert.Equal(t, "3", *e.Id)
	assert.Equal(t, "Gr??e X-Header: yes "+strings.Repeat("x", 80), *e.Subject)
	assert.Equal(t, "default", *e.MessageGroupId)
	assert.Equal(t, ev.ID(), *e.MessageDeduplicationId)
	assert.Equal(t, ev.ID(), *e.MessageAttributes["id"].StringValue)
	assert.Equal(t, "default", *e.MessageAttributes["ns"].StringValue)
	assert.NotContains(t, e.MessageAttributes, "reason", "an empty one would be refused")
	assert.Len(t, []rune(*e.MessageAttributes["message"].StringValue), 256)
	assert.NotContains(t, *e.MessageAttributes["message"].StringValue, "\n")
	assert.Equal(t, 1, s.Limits().Concurrency)
}
