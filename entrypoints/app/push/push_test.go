package push

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	otlp "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/core/secret"
)

// server is a fake of a service by its protocol: it keeps the last request, and
// answers status with all that it was sent, as the most talkative service would.
type server struct {
	*httptest.Server
	status int

	mu      sync.Mutex
	request *http.Request
	body    []byte
}

func serve(t *testing.T, status int) *server {
	s := &server{status: status}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(r.Body)
			if !assert.NoError(t, err) {
				return
			}
			in = z
		}
		body, err := io.ReadAll(in)
		assert.NoError(t, err)
		s.mu.Lock()
		s.request, s.body = r, body
		s.mu.Unlock()
		w.WriteHeader(s.status)
		if s.status >= 300 {
			fmt.Fprintf(w, "cannot take %s: %v", r.RequestURI, r.Header)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func counted() *metrics.Metrics {
	m := metrics.New(metrics.Options{Version: "1.2.3"})
	m.Receiver("archive").Delivered.Add(42)
	m.Receiver("archive").Duration.Observe(.3)
	m.Receiver("archive").LagSeconds.Set(1.5)
	return m
}

func pushTo(t *testing.T, c config.Metrics) error {
	t.Helper()
	return New(Options{Config: c, Metrics: counted(), Cluster: "production", Version: "1.2.3", Output: io.Discard}).Push(t.Context())
}

// families reads a push as the Pushgateway does.
func (s *server) families(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	decoder := expfmt.NewDecoder(bytes.NewReader(s.body), expfmt.ResponseFormat(s.request.Header))
	all := map[string]*dto.MetricFamily{}
	for {
		f := &dto.MetricFamily{}
		err := decoder.Decode(f)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all[f.GetName()] = f
	}
}

func TestPushgateway(t *testing.T) {
	s := serve(t, http.StatusOK)
	require.NoError(t, pushTo(t, config.Metrics{Pushgateway: &config.Pushgateway{
		URL: secret.New(s.URL + "/"), Job: "packetboat", Instance: "production/eu",
		Username: "me", Password: secret.New("s3cret"), Headers: map[string]secret.String{"X-Scope-Orgid": secret.New("shop")},
	}}))
	assert.Equal(t, http.MethodPut, s.request.Method, "replaces the group, so that receivers that are gone are gone there too")
	assert.Equal(t, "/metrics/job/packetboat/instance@base64/cHJvZHVjdGlvbi9ldQ", s.request.URL.EscapedPath())
	user, password, _ := s.request.BasicAuth()
	assert.Equal(t, []string{"me", "s3cret", "shop"}, []string{user, password, s.request.Header.Get("X-Scope-OrgID")})
	delivered := s.families(t)["packetboat_receiver_events_delivered_total"].GetMetric()
	require.Len(t, delivered, 1)
	assert.InDelta(t, 42, delivered[0].GetCounter().GetValue(), 0)
	assert.Equal(t, "archive", delivered[0].GetLabel()[0].GetValue())
	assert.Contains(t, s.families(t), "go_goroutines")
}

func TestAPushgatewayWithoutAnInstance(t *testing.T) {
	s := serve(t, http.StatusAccepted)
	require.NoError(t, pushTo(t, config.Metrics{Pushgateway: &config.Pushgateway{URL: secret.New(s.URL), Job: "packetboat"}}))
	assert.Equal(t, "/metrics/job/packetboat", s.request.URL.EscapedPath())
	assert.Empty(t, s.request.Header.Get("Authorization"))
}

// exported are the metrics of an OTLP request by name, and its resource's attributes.
func (s *server) exported(t *testing.T) (map[string]*otlp.Metric, map[string]string) {
	t.Helper()
	require.Equal(t, "application/x-protobuf", s.request.Header.Get("Content-Type"))
	var request collector.ExportMetricsServiceRequest
	require.NoError(t, proto.Unmarshal(s.body, &request))
	require.Len(t, request.GetResourceMetrics(), 1)
	all, about := map[string]*otlp.Metric{}, map[string]string{}
	for _, a := range request.GetResourceMetrics()[0].GetResource().GetAttributes() {
		about[a.GetKey()] = a.GetValue().GetStringValue()
	}
	for _, scope := range request.GetResourceMetrics()[0].GetScopeMetrics() {
		for _, m := range scope.GetMetrics() {
			all[m.GetName()] = m
		}
	}
	return all, about
}

func TestOTLP(t *testing.T) {
	s := serve(t, http.StatusOK)
	require.NoError(t, pushTo(t, config.Metrics{OTLP: &config.OTLP{
		Endpoint: secret.New(s.URL), Headers: map[string]secret.String{"Authorization": secret.New("Bearer t0ken")},
	}}))
	assert.Equal(t, "/v1/metrics", s.request.URL.Path)
	assert.Equal(t, "Bearer t0ken", s.request.Header.Get("Authorization"))
	all, about := s.exported(t)
	sum := all["packetboat_receiver_events_delivered_total"].GetSum()
	require.NotNil(t, sum)
	assert.True(t, sum.GetIsMonotonic())
	assert.Equal(t, otlp.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE, sum.GetAggregationTemporality())
	require.Len(t, sum.GetDataPoints(), 1)
	assert.InDelta(t, 42, sum.GetDataPoints()[0].GetAsDouble(), 0)
	assert.Equal(t, "archive", sum.GetDataPoints()[0].GetAttributes()[0].GetValue().GetStringValue())
	assert.NotZero(t, sum.GetDataPoints()[0].GetStartTimeUnixNano())
	assert.InDelta(t, 1.5, all["packetboat_receiver_lag_seconds"].GetGauge().GetDataPoints()[0].GetAsDouble(), 0)
	assert.EqualValues(t, 1, all["packetboat_receiver_send_duration_seconds"].GetHistogram().GetDataPoints()[0].GetCount())
	assert.Equal(t, "packetboat", about["service.name"])
	assert.Equal(t, "production", about["service.instance.id"])
	assert.Equal(t, "1.2.3", about["service.version"])
}

func TestOTLPHonoursItsOwnVariables(t *testing.T) {
	s := serve(t, http.StatusOK)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", s.URL+"/tenant")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=shop")
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
	t.Setenv("OTEL_SERVICE_NAME", "boat")
	require.NoError(t, pushTo(t, config.Metrics{OTLP: &config.OTLP{}}))
	assert.Equal(t, "/tenant/v1/metrics", s.request.URL.Path)
	assert.Equal(t, "shop", s.request.Header.Get("X-Team"))
	all, about := s.exported(t)
	assert.Contains(t, all, "packetboat_receiver_up")
	assert.Equal(t, "boat", about["service.name"])

	other := serve(t, http.StatusOK)
	require.NoError(t, pushTo(t, config.Metrics{OTLP: &config.OTLP{Endpoint: secret.New(other.URL + "/otlp/in")}}))
	require.NotNil(t, other.request, "the configuration goes before the variables")
	assert.Equal(t, "/otlp/in", other.request.URL.Path, "a path is taken as it is")
}

func TestCloudWatch(t *testing.T) {
	var output bytes.Buffer
	p := New(Options{Config: config.Metrics{CloudWatch: &config.CloudWatch{Namespace: "boats"}}, Metrics: counted(), Cluster: "production", Output: &output})
	require.NoError(t, p.Push(t.Context()))
	assert.Contains(t, output.String(), `"Namespace":"boats","Dimensions":[["cluster","receiver"]]`)
	assert.Contains(t, output.String(), `"packetboat_receiver_events_delivered_total":42,`)
	output.Reset()
	require.NoError(t, p.Push(t.Context()))
	assert.Contains(t, output.String(), `"packetboat_receiver_events_delivered_total":0,`, "nothing since")
}

func TestErrorsSayWhatAndHoldNoSecret(t *testing.T) {
	for want, status := range map[string]int{
		"answered 401": http.StatusUnauthorized, "answered 302": http.StatusFound, "answered 400": http.StatusBadRequest,
	} {
		base := serve(t, status).URL
		err := pushTo(t, config.Metrics{
			Pushgateway: &config.Pushgateway{
				URL: secret.New(strings.Replace(base, "://", "://u:s3cret@", 1) + "/key-in-the-path"), Job: "x", Username: "me",
				Password: secret.New("s3cret"), Headers: map[string]secret.String{"X-Key": secret.New("t0ken")},
			},
			OTLP: &config.OTLP{
				Endpoint: secret.New(base + "/key-in-the-path"), Headers: map[string]secret.String{"Authorization": secret.New("t0ken")},
			},
		})
		require.Error(t, err)
		assert.Equal(t, "push metrics to the Pushgateway: "+want+"\npush metrics by OTLP: "+want, err.Error())
	}
}

func TestAServiceThatIsNotThere(t *testing.T) {
	err := pushTo(t, config.Metrics{Pushgateway: &config.Pushgateway{URL: secret.New("http://u:s3cret@127.0.0.1:1/key"), Job: "x"}})
	require.ErrorContains(t, err, "push metrics to the Pushgateway: no answer: dial tcp")
	assert.NotContains(t, err.Error(), "s3cret")
	assert.NotContains(t, err.Error(), "/key")
}

// A service that says nothing holds up neither the others nor the caller.
func TestASilentServiceEndsWithTheCallersTime(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	over := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
		case <-over:
		}
	}))
	t.Cleanup(silent.Close)
	t.Cleanup(func() { close(over) })
	taken := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel(errors.New("time is up")) }))
	t.Cleanup(taken.Close)
	c := config.Metrics{
		Pushgateway: &config.Pushgateway{URL: secret.New(silent.URL), Job: "x"},
		OTLP:        &config.OTLP{Endpoint: secret.New(taken.URL)},
	}
	err := New(Options{Config: c, Metrics: counted(), Output: io.Discard}).Push(ctx)
	require.ErrorContains(t, err, "push metrics to the Pushgateway: no answer: time is up")
}

func TestNothingConfiguredIsNothingDone(t *testing.T) {
	var output bytes.Buffer
	require.NoError(t, New(Options{Metrics: counted(), Output: &output}).Push(t.Context()))
	assert.Empty(t, output.String())
}
