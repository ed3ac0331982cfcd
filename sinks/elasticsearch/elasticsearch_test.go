package elasticsearch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const (
	apiKey      = "ZW5jb2RlZC1hcGkta2V5LWY=="
	headerToken = "header-t0ken-5ca1ab1e"
)

// sameLimits saves most of the time.
const sameLimits = "the limits are those that index is tested with"

func harness(config string) sinktest.Harness {
	return sinktest.Harness{
		Secrets: []string{apiKey, headerToken},
		Start: func(t *testing.T) sinktest.Destination {
			service := sinktest.NewBulkService(t, 10<<20)
			return sinktest.Destination{
				Kind: Kind, Service: service,
				Config: "hosts: [" + service.URL + "]\napiKey: " + apiKey + "\nheaders: {X-Token: " + headerToken + "}\n" + config,
			}
		},
		NoRecordLimit:      "only bytes count",
		NoDeduplicationKey: "the _id is in the first of a record's two lines",
	}
}

func TestConformance(t *testing.T) {
	for name, config := range map[string]string{
		"index":      "index: kube-events",
		"event":      "indexFormat: kube-events-{2006.01.02}\nuseEventID: true\ngzip: true\ndeDot: true",
		"datastream": "index: logs-kubernetes.events-default\ndataStream: true\nlayout: {message: '{{ .Message }}'}",
	} {
		t.Run(name, func(t *testing.T) {
			h := harness(config)
			h.Golden = "testdata/" + name
			if name != "index" {
				h.NoByteLimit, h.NoRecordByteLimit = sameLimits, sameLimits
			}
			sinktest.Run(t, h)
		})
	}
}

func TestFaults(t *testing.T) { sinktest.Survive(t, harness("index: kube-events")) }

func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 1, sinktest.RequestsPerThousand(t, harness("index: 'kube-{{ .Namespace }}'").Start(t)))
}

// Whatever the service says but success, for the request or for one document, is
// an error.
func TestNoRefusalIsTakenForSuccess_DS12(t *testing.T) {
	for status := 300; status < 600; status++ {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		s := sinktest.MustOpen(t, Kind, "hosts: ["+server.URL+"]\nindex: x")
		require.Error(t, sinktest.Send(t, s, event.Sample()), status)
		server.Close()
	}
}

func TestABatchIsOneRequest_DS13(t *testing.T) {
	var requests []*http.Request
	var actions []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests = append(requests, r)
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		lines := bytes.Split(bytes.TrimSpace(body), []byte("\n"))
		for i := 0; i < len(lines); i += 2 {
			actions = append(actions, string(lines[i]))
		}
		_, _ = io.WriteString(w, `{"errors":false,"items":[`+
			strings.TrimSuffix(strings.Repeat(`{"create":{"status":201}},`, len(lines)/2), ",")+`]}`)
	}))
	t.Cleanup(server.Close)
	s := sinktest.MustOpen(t, Kind, "hosts: ["+server.URL+"]\nindex: 'logs-{{ .Namespace }}'\ndataStream: true\npipeline: geo\n"+
		"routing: '{{ .InvolvedObject.Name }}'\nrefresh: wait_for\nusername: u\npassword: p\nheaders: {X-Found-Cluster: abc}")
	other := event.Sample()
	other.Namespace = "other"
	require.NoError(t, sinktest.Send(t, s, event.Sample(), other, event.Sample()))

	require.Len(t, requests, 1)
	r := requests[0]
	assert.Equal(t, "/_bulk", r.URL.Path)
	assert.Equal(t, "geo", r.URL.Query().Get("pipeline"))
	assert.Equal(t, "wait_for", r.URL.Query().Get("refresh"))
	assert.Equal(t, "application/x-ndjson", r.Header.Get("Content-Type"))
	assert.Equal(t, "packetboat/0.0.0-test", r.UserAgent())
	assert.Equal(t, "abc", r.Header.Get("X-Found-Cluster"))
	username, password, _ := r.BasicAuth()
	assert.Equal(t, []string{"u", "p"}, []string{username, password})
	const first = `{"create":{"_index":"logs-default","_id":"00000000-0000-4000-8000-000000000002.42","routing":"sample"}}`
	assert.Equal(t, []string{first, strings.Replace(first, "logs-default", "logs-other", 1), first}, actions)
}

// A server before 7.14, and one that is not of Elastic, does not say that it is
// Elasticsearch; a proxy is used; another user's default transport is not.
func TestTheServerNeedNotNameItself_DS15(t *testing.T) {
	service := sinktest.NewBulkService(t, 10<<20)
	proxied := atomic.Int32{}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxied.Add(1)
		assert.Equal(t, "search.invalid", r.Host)
		_, _ = io.WriteString(w, `{"errors":false,"items":[{"index":{"status":201}}]}`)
	}))
	t.Cleanup(proxy.Close)
	require.NoError(t, sinktest.Send(t, sinktest.MustOpen(t, Kind, "hosts: ["+service.URL+"]\nindex: x"), event.Sample()))
	t.Setenv("HTTP_PROXY", proxy.URL)
	require.NoError(t, sinktest.Send(t, sinktest.MustOpen(t, Kind, "hosts: ['http://search.invalid']\nindex: x"), event.Sample()))
	assert.EqualValues(t, 1, proxied.Load())
	assert.Nil(t, http.DefaultClient.Transport)
}

func TestANodeThatIsDownIsNotAskedAgainAndAgain(t *testing.T) {
	service := sinktest.NewBulkService(t, 10<<20)
	down := httptest.NewServer(nil)
	down.Close()
	s := sinktest.MustOpen(t, Kind, fmt.Sprintf("hosts: [%s, %s]\nindex: x", down.URL, service.URL))
	failed := 0
	for range 10 {
		if sinktest.Send(t, s, event.Sample()) != nil {
			failed++
		}
	}
	assert.LessOrEqual(t, failed, 1)
}

func TestCredentials(t *testing.T) {
	seen := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("Authorization")
		_, _ = io.WriteString(w, `{"errors":false,"items":[{"index":{"status":201}}]}`)
	}))
	t.Cleanup(server.Close)
	for config, want := range map[string]string{
		"":                              "",
		"apiKey: abc==":                 "APIKey abc==",
		"serviceToken: abc":             "Bearer abc",
		"username: u\npassword: p":      "Basic dTpw",
		"apiKey: k\nusername: u":        "APIKey k",
		"headers: {Authorization: own}": "own",
	} {
		require.NoError(t, sinktest.Send(t, sinktest.MustOpen(t, Kind, "hosts: ["+server.URL+"]\nindex: x\n"+config), event.Sample()))
		assert.Equal(t, want, <-seen, config)
	}
	withUser := strings.Replace(server.URL, "http://", "http://u:p@", 1)
	require.NoError(t, sinktest.Send(t, sinktest.MustOpen(t, Kind, "hosts: ["+withUser+"]\nindex: x"), event.Sample()))
	assert.Equal(t, "Basic dTpw", <-seen)
}

// Upstream's client looks there, and takes several.
func TestHostsOfTheEnvironment(t *testing.T) {
	service := sinktest.NewBulkService(t, 10<<20)
	t.Setenv("ELASTICSEARCH_URL", service.URL+", "+service.URL)
	for range 2 {
		require.NoError(t, sinktest.Send(t, sinktest.MustOpen(t, Kind, "index: x"), event.Sample()))
	}
	assert.Equal(t, 2, service.Attempts())
	_, err := sinktest.Open(t, Kind, "index: x\ncloudID: staging:dXMtZWFzdC0xLmF3cy5mb3VuZC5pbyRhJGI=")
	require.NoError(t, err, "a cloudID is not set beside it")
	require.Error(t, sinktest.Send(t, sinktest.MustOpen(t, Kind, "index: x\nhosts: ['http://127.0.0.1:1']"), event.Sample()), "the configuration comes first")
}

// A service from version 8 on refuses every request with a mapping type. The
// answer is OpenSearch's.
func TestAMappingTypeThatIsNotKnownStops(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":{"root_cause":[{"type":"illegal_argument_exception",`+
			`"reason":"Action/metadata line [1] contains an unknown parameter [_type]"}]},"status":400}`)
	}))
	t.Cleanup(server.Close)
	err := sinktest.Send(t, sinktest.MustOpen(t, Kind, "hosts: ["+server.URL+"]\nindex: x\ntype: kube-event"), event.Sample())
	require.ErrorContains(t, err, "leave out the key type")
	assert.True(t, sinks.IsStop(err))
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		"index: x": "hosts: is missing: write hosts: [http://localhost:9200] or the like, or cloudID, or set ELASTICSEARCH_URL",
		"hosts: [http://h]\nindex: x\ncloudID: a:b":                        "cloudID: cannot be set beside hosts",
		"index: x\ncloudID: a:s3cr3t":                                      "cloudID or hosts: not what the Elasticsearch client takes",
		"hosts: [http://h, 'ftp://u:p@h']\nindex: x":                       "hosts: number 2: want a URL that begins with http:// or https://",
		"hosts: [http://h]\nindex: x\nserviceToken: t\nusername: u":        "serviceToken: cannot be set beside apiKey, username and password",
		"hosts: [http://h]":                                                "index: is missing, and so is indexFormat",
		"hosts: [http://h]\nindex: Events":                                 "line 2, column 8: index: the name of an index is in lower case",
		"hosts: [http://h]\nindexFormat: 'x-{{ .Namespace }}'":             "indexFormat: is not a template, index is",
		"hosts: [http://h]\nindexFormat: 'a/{2006}'":                       "indexFormat: the name of an index cannot hold \\ / * ? \" < > | , # : or a blank",
		"hosts: [http://h]\nindex: x\nrefresh: now":                        `refresh: want true, false or wait_for, got "now"`,
		"hosts: [http://h]\nindex: x\nuseEventID: true\ndataStream: true":  "useEventID: a data stream cannot replace a document",
		"hosts: [http://h]\nindex: x\nuseEventID: true\ngenerateID: true":  "generateID: cannot be set beside useEventID",
		"hosts: [http://h]\nindex: x\nlayout: '{{ .Message }}'":            "line 3, column 9: layout: want a mapping, a document is a JSON object",
		"hosts: [http://h]\nindex: x\ntls: {caFile: /does/not/exist}":      "tls: caFile: open /does/not/exist: no such file or directory",
		"hosts: [http://h]\nindex: x\ntls: {keyFile: /k}\nproxy: nonsense": "tls: keyFile is set without certFile",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
}

// The cloudID of Elastic's documentation.
func TestCloudID(t *testing.T) {
	const id = "staging:dXMtZWFzdC0xLmF3cy5mb3VuZC5pbyRjZWM2ZjI2MWE3NGJmMjRjZTMzYmI4ODExYjg0Mjk0ZiRjNmMyY2E2ZDA0MjI0OWFmMGNjN2Q3YTllOTYyNTc0Mw=="
	_, err := sinktest.Open(t, Kind, "index: x\ncloudID: "+id)
	require.NoError(t, err)
}

func TestTheDocumentIsTheDefaultJSON(t *testing.T) {
	r, err := sinktest.MustOpen(t, Kind, "hosts: [http://h]\nindex: x").Encode(event.Sample())
	require.NoError(t, err)
	_, document, _ := strings.Cut(string(r.Body), "\n")
	assert.Equal(t, string(event.Sample().ToJSON())+"\n", document)
	assert.True(t, json.Valid([]byte(document)))
}
