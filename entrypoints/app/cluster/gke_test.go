//go:build !slim || gcp

package cluster_test

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/entrypoints/app/cluster"
)

// containerAPI answers projects.locations.clusters.get.
func containerAPI(t *testing.T, status int, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/v1/projects/p/locations/europe-west3/clusters/prod", r.URL.Path)
		assert.Empty(t, r.Header.Get("Authorization"), "not in plain text")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestEndpointsOfGKE(t *testing.T) {
	ca := base64.StdEncoding.EncodeToString([]byte("pem"))
	whole := `{"status":"RUNNING","endpoint":"35.1.2.3","masterAuth":{"clusterCaCertificate":"` + ca + `"},
		"privateClusterConfig":{"privateEndpoint":"10.0.0.2"},
		"controlPlaneEndpointsConfig":{"dnsEndpointConfig":{"endpoint":"gke-1.europe-west3.gke.goog","allowExternalTraffic":true},"ipEndpointsConfig":{"privateEndpoint":"10.0.0.3"}}}`
	noDNS := `{"status":"RUNNING","endpoint":"35.1.2.3","masterAuth":{"clusterCaCertificate":"` + ca + `"},
		"privateClusterConfig":{"privateEndpoint":"10.0.0.2"},
		"controlPlaneEndpointsConfig":{"dnsEndpointConfig":{"endpoint":"gke-1.europe-west3.gke.goog"}}}`
	public := `{"status":"RUNNING","endpoint":"35.1.2.3","masterAuth":{"clusterCaCertificate":"` + ca + `"}}`
	const dnsName = "https://gke-1.europe-west3.gke.goog"
	for _, test := range []struct {
		cluster, connect string
		server, ca       string
		says             string
		wrong            bool
	}{
		{cluster: whole, connect: "", server: dnsName},
		{cluster: whole, connect: "dns", server: dnsName},
		{cluster: whole, connect: "ip", server: "https://35.1.2.3", ca: "pem"},
		{cluster: whole, connect: "privateIP", server: "https://10.0.0.3", ca: "pem"},
		{cluster: noDNS, connect: "", server: "https://35.1.2.3", ca: "pem"},
		{cluster: noDNS, connect: "privateIP", server: "https://10.0.0.2", ca: "pem"},
		{cluster: noDNS, connect: "dns", says: "the DNS endpoint of GKE cluster prod does not take traffic: enable it, or connect: ip", wrong: true},
		{cluster: public, connect: "privateIP", says: "GKE cluster prod has no private endpoint", wrong: true},
		{cluster: `{"status":"PROVISIONING"}`, says: "GKE cluster prod has no endpoint: its status is PROVISIONING"},
		{cluster: `{}`, connect: "privateIP", says: "its status is unknown"},
		{cluster: `{"endpoint":"35.1.2.3"}`, says: "holds no certificate of cluster prod"},
		{cluster: `<html>`, says: "the container API's answer cannot be read"},
	} {
		server, got, err := cluster.FindGKE(t.Context(), config.GKE{
			Project: "p", Location: "europe-west3", Name: "prod", Connect: test.connect, Endpoint: containerAPI(t, 200, test.cluster),
		})
		if test.says != "" {
			require.ErrorContains(t, err, test.says)
			assert.Equal(t, test.wrong, errors.Is(err, cluster.ErrMisconfigured), test.says)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, []string{test.server, test.ca}, []string{server, string(got)}, test.connect)
	}
}

func TestRefusalsOfTheContainerAPI(t *testing.T) {
	for status, says := range map[int]string{
		404: "wrong configuration: GKE has no cluster prod in europe-west3 of project p: 404 Not Found why not",
		403: "not allowed: this needs container.clusters.get in project p, and its Kubernetes Engine API enabled: 403 Forbidden why not",
		401: "the container API answered 401 Unauthorized why not",
		503: "the container API answered 503 Service Unavailable why not",
		302: "the container API answered 302 Found why not",
	} {
		url := containerAPI(t, status, `{"error":{"message":"why\nnot"}}`)
		_, _, err := cluster.FindGKE(t.Context(), config.GKE{Project: "p", Location: "europe-west3", Name: "prod", Endpoint: url})
		require.EqualError(t, err, says)
		assert.Equal(t, status == 404, errors.Is(err, cluster.ErrMisconfigured))
	}
	_, _, err := cluster.FindGKE(t.Context(), config.GKE{Project: "p", Location: "l", Name: "prod", Endpoint: "http://127.0.0.1:1"})
	require.EqualError(t, err, "ask the container API: dial tcp 127.0.0.1:1: connect: connection refused")
}

func TestWithoutGoogleCredentials(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/does/not/exist")
	_, _, err := cluster.FindGKE(t.Context(), config.GKE{Project: "p", Location: "l", Name: "prod"})
	require.ErrorContains(t, err, "find application default credentials: GOOGLE_APPLICATION_CREDENTIALS: stat /does/not/exist")
}
