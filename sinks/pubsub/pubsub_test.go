package pubsub

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

func (s *service) config() string {
	return "gcloud_project_id: boats\ntopic: events\nendpoint: http://" + s.addr + "\n"
}

func TestConformance(t *testing.T) {
	for name, more := range map[string]string{
		"default": "",
		"layout":  "layout: {reason: '{{ .Reason }}', text: '{{ .Message }}'}\nattributes: {reason: '{{ .Reason }}'}\norderingKey: '{{ .InvolvedObject.UID }}'\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := sinktest.Harness{
				Golden:    "testdata/" + name,
				NoPartial: "a publish request is taken or refused as a whole",
				NoSecrets: "the configuration names a credentials file; sinks/gcpclient tests what comes out of it",
				Start: func(t *testing.T) sinktest.Destination {
					s := start(t)
					s.createTopic(t)
					return sinktest.Destination{Kind: Kind, Service: s, Config: s.config() + more}
				},
			}
			if name == "layout" {
				h.NoByteLimit = "it is the one without a layout, which is slow to fill: see there"
				h.NoRecordByteLimit = h.NoByteLimit
			}
			sinktest.Run(t, h)
		})
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		"{gcloud_project_id: p}":                                               "topic: is missing",
		"{topic: t}":                                                           "gcloud_project_id: is missing",
		"{topic: a/b, gcloud_project_id: p}":                                   `topic: want an ID or projects/PROJECT/topics/TOPIC, got "a/b"`,
		"{topic: t, gcloud_project_id: p/q}":                                   `gcloud_project_id: want a project's ID, got "p/q"`,
		"{topic: t, gcloud_project_id: p, attributes: {googx: y}}":             `line 1, column 54: attributes: "googx": want a name of at most 256 bytes that does not begin with goog`,
		"{topic: t, gcloud_project_id: p, endpoint: 'pubsub.example.com:443'}": "endpoint: want a URL without a path, such as https://europe-west3-pubsub.googleapis.com or http://127.0.0.1:8085",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
	for _, config := range []string{
		"{topic: t, gcloud_project_id: p, attributes: {a: '{{ .Nope }}'}}",
		"{topic: t, gcloud_project_id: p, orderingKey: '{{ .Nope }}'}",
		"{topic: t, gcloud_project_id: p, layout: {a: '{{ .Nope }}'}}",
	} {
		_, err := sinktest.Open(t, Kind, config)
		var at *sinks.PositionError
		require.ErrorAs(t, err, &at, config)
	}
}

// What keeps a topic from being created is no fault of the events.
func TestATopicThatCannotBeCreatedStops(t *testing.T) {
	s := start(t)
	s.refusal = status.Error(codes.InvalidArgument, "no such region")
	err := sinktest.Send(t, sinktest.MustOpen(t, Kind, s.config()+"create_topic: true"), event.Sample())
	require.EqualError(t, err, "create the topic: answered InvalidArgument: no such region")
	assert.True(t, sinks.IsStop(err))
	assert.False(t, sinks.IsPermanent(err))
}

// Upstream's second start died of a topic that was there already.
func TestCreateTopicIsIdempotent_DS28(t *testing.T) {
	s := start(t)
	for range 2 {
		require.NoError(t, sinktest.Send(t, sinktest.MustOpen(t, Kind, s.config()+"create_topic: true"), event.Sample()))
	}
	assert.Equal(t, 1, s.created, "only when it is missing")
	assert.Len(t, s.messages(), 2)

	// Somebody else creates it between our question and our order.
	raced := start(t)
	raced.createTopic(t)
	one, ok := sinktest.MustOpen(t, Kind, raced.config()+"create_topic: true").(*sink)
	require.True(t, ok)
	client, err := one.client.Get(t.Context())
	require.NoError(t, err)
	require.NoError(t, one.createTopic(t.Context(), client))
}

func TestAMissingTopicStops(t *testing.T) {
	s := start(t)
	err := sinktest.Send(t, sinktest.MustOpen(t, Kind, s.config()), event.Sample())
	require.ErrorContains(t, err, `publish: answered NotFound: topic "projects/boats/topics/events"`)
	assert.True(t, sinks.IsStop(err))
	assert.Zero(t, s.created)
}

func TestMessageHasWhatIsAskedFor_DS28(t *testing.T) {
	s := start(t)
	s.createTopic(t)
	sink := sinktest.MustOpen(t, Kind, s.config()+`
attributes: {ns: '{{ .Namespace }}', long: '{{ .Message }}'}
orderingKey: '{{ .InvolvedObject.Name }}'
layout: {m: '{{ index .InvolvedObject.Labels "a_b" }}'}
deDot: true
`)
	ev := event.Sample()
	ev.InvolvedObject.Labels = map[string]string{"a.b": "dotted"}
	ev.Message = "x" + strings.Repeat("é", 600)
	require.NoError(t, sinktest.Send(t, sink, ev))
	m := s.messages()[0]
	assert.JSONEq(t, `{"m":"dotted"}`, string(m.GetData()))
	assert.Equal(t, map[string]string{"id": ev.ID(), "ns": ev.Namespace, "long": "x" + strings.Repeat("é", 511)}, m.GetAttributes())
	assert.Equal(t, ev.InvolvedObject.Name, m.GetOrderingKey())
	assert.Equal(t, 1, sink.Limits().Concurrency, "what has an order is sent in order")

	require.NoError(t, sinktest.Send(t, sinktest.MustOpen(t, Kind, s.config()+"attributes: {id: mine}"), ev))
	assert.Equal(t, "mine", s.messages()[1].GetAttributes()["id"])

	ev.Message = "a\xffb" // protobuf takes no such text
	require.NoError(t, sinktest.Send(t, sink, ev))
	assert.Equal(t, "a\ufffdb", s.messages()[2].GetAttributes()["long"])
}

// The attributes count too: a request that they make too large is cut, not sent.
func TestAttributesCountAsBytes(t *testing.T) {
	s := start(t)
	s.createTopic(t)
	config := s.config() + "layout: 'x'\nattributes:\n"
	for i := range 98 {
		config += fmt.Sprintf("  a%02d: '{{ .Message }}'\n", i)
	}
	sink := sinktest.MustOpen(t, Kind, config)
	ev := event.Sample()
	ev.Message = strings.Repeat("x", maxText)
	events := make([]*event.Event, 200)
	for i := range events {
		events[i] = ev
	}
	err := sinktest.Send(t, sink, events...)
	require.Error(t, err)
	assert.True(t, sinks.IsPermanent(err), "the batch is cut: %v", err)
	assert.Zero(t, s.Attempts())
	require.NoError(t, sinktest.Send(t, sink, events[:50]...))
}

// A run without this receiver, and one that only checks it, looks for nothing.
func TestOpenLooksForNoCredentials(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/does/not/exist")
	t.Setenv("PUBSUB_EMULATOR_HOST", "")
	s := sinktest.MustOpen(t, Kind, "{topic: projects/p/topics/t, credentials_path: /does/not/exist}")
	err := sinktest.Send(t, s, event.Sample())
	require.ErrorContains(t, err, "publish: read credentials_path: open /does/not/exist: no such file or directory")
	assert.True(t, sinks.IsStop(err))
	err = sinktest.Send(t, sinktest.MustOpen(t, Kind, "{topic: projects/p/topics/t}"), event.Sample())
	require.ErrorContains(t, err, "publish: find application default credentials")
	assert.True(t, sinks.IsStop(err))
}

func TestTheEmulatorOfTheEnvironment(t *testing.T) {
	s := start(t)
	t.Setenv("PUBSUB_EMULATOR_HOST", s.addr)
	require.NoError(t, sinktest.Send(t, sinktest.MustOpen(t, Kind, "{gcloud_project_id: boats, topic: events, create_topic: true}"), event.Sample()))
	assert.Len(t, s.messages(), 1)
}

func TestAServiceThatIsNotThereIsTransient(t *testing.T) {
	err := sinktest.Send(t, sinktest.MustOpen(t, Kind, "{topic: projects/p/topics/t, endpoint: 'http://127.0.0.1:1'}"), event.Sample())
	require.EqualError(t, err, "publish: answered Unavailable")
	assert.False(t, sinks.IsStop(err) || sinks.IsPermanent(err))
	assert.Nil(t, http.DefaultClient.Transport)
}
