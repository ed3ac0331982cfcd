package otlp

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const headerToken = "header-t0ken-5ca1ab1e"

func harness(p protocol, more string) sinktest.Harness {
	return sinktest.Harness{
		Secrets: []string{headerToken},
		Start: func(t *testing.T) sinktest.Destination {
			d := sinktest.Destination{Kind: Kind, Config: "headers: {X-Token: " + headerToken + "}\nprotocol: " + string(p) + "\n" + more}
			if p == overGRPC {
				service := newGRPCService(t)
				d.Service, d.Config = service, d.Config+"\nendpoint: http://"+service.addr
				return d
			}
			service := newHTTPService(t)
			service.Limit(sinks.Limits{Bytes: maxBytes})
			d.Service, d.Config = service, d.Config+"\nendpoint: "+service.URL
			return d
		},
		EventOfSize:        eventOfSize,
		NoPartial:          "the service says how many records it rejected and not which",
		NoDeduplicationKey: "the ID is an attribute of the record, log.record.uid",
		NoRecordLimit:      "only bytes count",
	}
}

// eventOfSize pads the message, and what tells its length grows with it.
func eventOfSize(t *testing.T, s sinks.Sink, bytes int) *event.Event {
	t.Helper()
	ev := event.Sample()
	for range 10 {
		r, err := s.Encode(ev)
		require.NoError(t, err)
		missing := bytes - len(r.Body)
		if missing == 0 {
			return ev
		}
		ev.Message = strings.Repeat("x", len(ev.Message)+missing)
	}
	require.FailNow(t, "no message makes a body of this size")
	return nil
}

func TestConformance(t *testing.T) {
	for name, h := range map[string]sinktest.Harness{
		"http":  harness(overHTTP, ""),
		"grpc":  harness(overGRPC, "resource: {service.name: events}\nattributes: {team: '{{ .Namespace }}'}\nlayout: {msg: '{{ .Message }}'}"),
		"event": harness(overHTTP, "body: event\ngzip: false\ndeDot: true"),
	} {
		t.Run(name, func(t *testing.T) {
			h.Golden = "testdata/" + name
			if name == "event" {
				const same = "the limits are those that http is tested with" // which saves a third of the time
				h.NoByteLimit, h.NoRecordByteLimit = same, same
			}
			sinktest.Run(t, h)
		})
	}
}

func TestFaults(t *testing.T) {
	for _, p := range []protocol{overHTTP, overGRPC} {
		t.Run(string(p), func(t *testing.T) { sinktest.Survive(t, harness(p, "")) })
	}
}

func TestRequestsPerThousand(t *testing.T) {
	for _, p := range []protocol{overHTTP, overGRPC} {
		assert.Equal(t, 1, sinktest.RequestsPerThousand(t, harness(p, "").Start(t)), p)
	}
}

func openWith(t *testing.T, env sinks.Env, config string) (sinks.Sink, error) {
	t.Helper()
	c := Kind.NewConfig()
	require.NoError(t, yaml.Unmarshal([]byte(config), c))
	s, err := Kind.Open(t.Context(), c, env)
	if err == nil {
		t.Cleanup(func() { _ = s.Close(t.Context()) })
	}
	return s, err
}

func send(t *testing.T, config string, events ...*event.Event) error {
	t.Helper()
	return sendWith(t, sinktest.Env(io.Discard), config, events...)
}

func sendWith(t *testing.T, env sinks.Env, config string, events ...*event.Event) error {
	t.Helper()
	s, err := openWith(t, env, config)
	require.NoError(t, err)
	return sinktest.Send(t, s, events...)
}

func encoded(t *testing.T, config string, ev *event.Event) (about, record map[string]string, log *logs.LogRecord) {
	t.Helper()
	s, err := openWith(t, sinktest.Env(io.Discard), "endpoint: http://h\n"+config)
	require.NoError(t, err)
	r, err := s.Encode(ev)
	require.NoError(t, err)
	var request collector.ExportLogsServiceRequest
	require.NoError(t, proto.Unmarshal(r.Body, &request))
	one := request.GetResourceLogs()[0]
	log = one.GetScopeLogs()[0].GetLogRecords()[0]
	return texts(one.GetResource().GetAttributes()), texts(log.GetAttributes()), log
}

func texts(list []*common.KeyValue) map[string]string {
	out := map[string]string{}
	for _, kv := range list {
		out[kv.GetKey()] = kv.GetValue().GetStringValue()
	}
	return out
}

// The names are those of the collector's receiver of Kubernetes events, and of
// the semantic conventions; there are no others.
func TestSemanticConventions(t *testing.T) {
	ev := event.Sample()
	ev.Source.Host, ev.Action, ev.ReportingController, ev.ReportingInstance = "node-1", "Pulling", "kubelet", "node-2"
	about, record, log := encoded(t, "", ev)
	assert.Equal(t, map[string]string{
		"service.name": "packetboat", "k8s.cluster.name": ev.ClusterName, "k8s.node.name": "node-1", "k8s.namespace.name": "default",
		"k8s.object.kind": "Pod", "k8s.object.name": "sample", "k8s.object.uid": string(ev.InvolvedObject.UID),
		"k8s.object.fieldpath": ev.InvolvedObject.FieldPath, "k8s.object.api_version": "v1",
		"k8s.object.resource_version": ev.InvolvedObject.ResourceVersion,
	}, about)
	assert.Equal(t, map[string]string{
		"log.record.uid": ev.ID(), "k8s.event.reason": ev.Reason, "k8s.event.uid": string(ev.UID), "k8s.event.name": ev.Name,
		"k8s.event.action": "Pulling", "k8s.event.reporting_controller": ev.Component(), "k8s.event.reporting_instance": "node-2",
		"k8s.event.start_time": ev.CreationTimestamp.UTC().Format(time.RFC3339), "k8s.event.count": "",
	}, record)
	assert.Equal(t, ev.Message, log.GetBody().GetStringValue())
	assert.EqualValues(t, ev.Time().UnixNano(), log.GetTimeUnixNano(), "the event's time, not that of the sending")

	for kind, want := range map[string]logs.SeverityNumber{"Warning": 13, "Normal": 9, "Error": 17, "critical": 21, "": 0, "Other": 0} {
		ev.Type = kind
		_, _, log = encoded(t, "", ev)
		assert.Equal(t, want, log.GetSeverityNumber(), kind)
		assert.Equal(t, kind, log.GetSeverityText())
	}
	_, _, log = encoded(t, "", &event.Event{})
	assert.Zero(t, log.GetTimeUnixNano())
}

func TestAttributesOfTheUser(t *testing.T) {
	about, record, _ := encoded(t, "resource: {service.name: x, env: '{{ .Namespace }}'}\nattributes: {a: b, k8s.event.uid: ''}", event.Sample())
	assert.Equal(t, []string{"x", "default"}, []string{about["service.name"], about["env"]})
	assert.Equal(t, "b", record["a"])
	assert.NotContains(t, record, "k8s.event.uid", "an empty one is left out")
}

func TestBodies(t *testing.T) {
	_, _, log := encoded(t, "layout: {n: 7, f: 1.5, b: true, z: null, l: [a, 1], s: '{{ .Reason }}', big: 123456789012345678901234567890}", event.Sample())
	got := log.GetBody().GetKvlistValue().GetValues()
	var names []string
	for _, kv := range got {
		names = append(names, kv.GetKey())
	}
	require.Equal(t, []string{"b", "big", "f", "l", "n", "s", "z"}, names)
	assert.True(t, got[0].GetValue().GetBoolValue())
	assert.InDelta(t, 1.2345678901234568e29, got[1].GetValue().GetDoubleValue(), 1e15)
	assert.InDelta(t, 1.5, got[2].GetValue().GetDoubleValue(), 0)
	assert.Len(t, got[3].GetValue().GetArrayValue().GetValues(), 2)
	assert.EqualValues(t, 7, got[4].GetValue().GetIntValue())
	assert.Equal(t, "BackOff", got[5].GetValue().GetStringValue())
	assert.Nil(t, got[6].GetValue().GetValue())

	_, _, log = encoded(t, "body: event", event.Sample())
	assert.Equal(t, "action", log.GetBody().GetKvlistValue().GetValues()[0].GetKey())
}

func TestBytesThatAreNoTextAreReplaced(t *testing.T) {
	ev := event.Sample()
	ev.Message, ev.Reason, ev.Type = "a\xffb", "\xff", "\xff"
	_, record, log := encoded(t, "", ev)
	assert.Equal(t, "a\uFFFDb", log.GetBody().GetStringValue())
	assert.Equal(t, "\uFFFD", record["k8s.event.reason"])
}

// A record that is rejected must not be taken for accepted, and not hold up the
// others for ever.
func TestPartialSuccess(t *testing.T) {
	for _, tc := range []struct {
		contentType, answer string
		permanent           bool
		logged              string
	}{
		{"application/x-protobuf", marshal(t, 2, "bad records"), true, ""},
		{"application/x-protobuf", marshal(t, 0, "a hint"), false, "a hint"},
		{"application/x-protobuf", "", false, ""},
		{"application/json", `{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"no","new":1}}`, true, ""},
		{"application/json", `{}`, false, ""},
		{"text/html", "<html>thank you</html>", false, ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tc.contentType)
			_, _ = io.WriteString(w, tc.answer)
		}))
		t.Cleanup(server.Close)
		var log bytes.Buffer
		env := sinktest.Env(io.Discard)
		env.Log = slog.New(slog.NewTextHandler(&log, nil))
		err := sendWith(t, env, "endpoint: "+server.URL, event.Sample(), event.Sample(), event.Sample())
		assert.Equal(t, tc.permanent, sinks.IsPermanent(err), tc.answer)
		assert.Equal(t, tc.permanent, err != nil, tc.answer)
		assert.Contains(t, log.String(), tc.logged)
	}
}

func marshal(t *testing.T, rejected int64, text string) string {
	t.Helper()
	b, err := proto.Marshal(&collector.ExportLogsServiceResponse{
		PartialSuccess: &collector.ExportLogsPartialSuccess{RejectedLogRecords: rejected, ErrorMessage: text},
	})
	require.NoError(t, err)
	return string(b)
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		"{}":                                                  "endpoint: is missing",
		"endpoint: collector:4317":                            "endpoint: want a URL that begins with http:// or https://",
		"endpoint: http://h\nprotocol: thrift":                `protocol: want http or grpc, got "thrift"`,
		"endpoint: http://h\nbody: all":                       `body: want message or event, got "all"`,
		"endpoint: http://h\ntimeout: -1s":                    "timeout: -1s is negative",
		"endpoint: http://h\nheaders: {'a b': c}":             `headers: "a b" or its value cannot be sent as a header`,
		"endpoint: http://h\nprotocol: grpc\nproxy: http://p": "proxy: grpc takes it from HTTPS_PROXY only",
		"endpoint: http://h\nprotocol: grpc\ntls: {insecureSkipVerify: true}": "tls: is set, but the endpoint says http, which is not encrypted with grpc: write https",
		"endpoint: https://h\nprotocol: grpc\ntls: {caFile: /does/not/exist}": "tls: caFile: open /does/not/exist: no such file or directory",
		"endpoint: https://h\ntls: {certFile: x}":                             "tls: certFile is set without keyFile",
	} {
		_, err := openWith(t, sinktest.Env(io.Discard), config)
		assert.EqualError(t, err, want, config)
	}
}
