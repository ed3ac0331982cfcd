package app

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/core/secret"
)

// pushed makes one push of an App with this configuration, and returns its log.
func pushed(t *testing.T, c config.Metrics, output *bytes.Buffer) string {
	t.Helper()
	var log bytes.Buffer
	a := &App{
		Options: Options{Version: "1.2.3"}, Config: &config.Config{ClusterName: "production", Metrics: c},
		Log: newLogger(&log, LogJSON, 0),
	}
	a.pushMetrics(t.Context(), a.newPusher(metrics.New(metrics.Options{Version: "1.2.3"}), output))
	return log.String()
}

func TestAPushThatFailsIsAWarning(t *testing.T) {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(gateway.Close)
	log := pushed(t, config.Metrics{Pushgateway: &config.Pushgateway{URL: secret.New(gateway.URL + "/k3y"), Job: "x"}}, &bytes.Buffer{})
	assert.Contains(t, log, `"level":"WARN","msg":"metrics were not pushed","error":"push metrics to the Pushgateway: answered 403"`)
	assert.NotContains(t, log, "k3y")
}

func TestAPushGoesWhereTheConfigurationSays(t *testing.T) {
	var output bytes.Buffer
	log := pushed(t, config.Metrics{CloudWatch: &config.CloudWatch{Namespace: "boats"}}, &output)
	require.Empty(t, log)
	assert.Contains(t, output.String(), `"Namespace":"boats"`)
	assert.Contains(t, output.String(), `"cluster":"production"`)
}
