//go:build !slim || gcp

package cluster

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/gcpconfig"
)

const (
	gkeAPI = "https://container.googleapis.com"
	// gkeScope: without the second RBAC sees the identity's number instead of its e-mail address.
	gkeScope = "https://www.googleapis.com/auth/cloud-platform https://www.googleapis.com/auth/userinfo.email"
	// gkeSpare is how long before its end a token is not used any more. Google's library asks for a new one 225 s before it.
	gkeSpare = time.Minute
	// gkeAnswer bounds what is read of an answer: it is asked for a few fields only.
	gkeAnswer = 1 << 20
)

// gkeCloud finds a cluster by one GET of the container API: Google's clients of
// it would be 16 MB of the binary.
type gkeCloud struct {
	config   config.GKE
	identity *gcpconfig.Identity
	client   *http.Client
}

func newGKE(c config.GKE) (cloud, error) {
	return &gkeCloud{
		config: c, identity: gcpconfig.New("", gkeScope, nil),
		client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// gkeCluster is what is read of projects.locations.clusters.
type gkeCluster struct {
	Status     string `json:"status"`
	Endpoint   string `json:"endpoint"`
	MasterAuth struct {
		CACertificate string `json:"clusterCaCertificate"`
	} `json:"masterAuth"`
	PrivateClusterConfig struct {
		PrivateEndpoint string `json:"privateEndpoint"`
	} `json:"privateClusterConfig"`
	ControlPlane struct {
		DNS struct {
			Endpoint             string `json:"endpoint"`
			AllowExternalTraffic bool   `json:"allowExternalTraffic"`
		} `json:"dnsEndpointConfig"`
		IP struct {
			PrivateEndpoint string `json:"privateEndpoint"`
		} `json:"ipEndpointsConfig"`
	} `json:"controlPlaneEndpointsConfig"`
}

const gkeFields = "status,endpoint,masterAuth.clusterCaCertificate,privateClusterConfig.privateEndpoint,controlPlaneEndpointsConfig"

// find implements cloud.
func (g *gkeCloud) find(ctx context.Context) (place, error) {
	c := g.config
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/v1/projects/%s/locations/%s/clusters/%s?fields=%s",
		strings.TrimSuffix(cmp.Or(c.Endpoint, gkeAPI), "/"), url.PathEscape(c.Project), url.PathEscape(c.Location), url.PathEscape(c.Name), gkeFields), nil)
	if err != nil {
		return place{}, errors.New("the endpoint of the container API is not a URL")
	}
	if request.URL.Scheme == "https" { // plain text would show the token to everybody on the way
		if err := g.authorize(request); err != nil {
			return place{}, err
		}
	}
	response, err := g.client.Do(request)
	if err != nil {
		return place{}, fmt.Errorf("ask the container API: %w", plainError(ctx, err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, gkeAnswer))
	if err != nil {
		return place{}, fmt.Errorf("read the container API's answer: %w", plainError(ctx, err))
	}
	if response.StatusCode != http.StatusOK {
		return place{}, g.explain(response.StatusCode, body)
	}
	var found gkeCluster
	if err := json.Unmarshal(body, &found); err != nil {
		return place{}, errors.New("the container API's answer cannot be read")
	}
	return g.choose(found)
}

func (g *gkeCloud) authorize(request *http.Request) error {
	token, _, err := g.token(request.Context())
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	// Who pays by quota; only credentials of a person have one.
	if project, err := g.identity.Credentials().QuotaProjectID(request.Context()); err == nil && project != "" {
		request.Header.Set("X-Goog-User-Project", project)
	}
	return nil
}

// explain says what a person can do about an answer that is none.
func (g *gkeCloud) explain(status int, body []byte) error {
	var answer struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	_ = json.Unmarshal(body, &answer) // what is not the API's own says nothing
	text := strings.TrimSpace(fmt.Sprintf("%d %s %s", status, http.StatusText(status), gcpconfig.Excerpt(g.identity.Redact(answer.Error.Message))))
	c := g.config
	switch status {
	case http.StatusNotFound:
		return misconfigured(fmt.Errorf("GKE has no cluster %s in %s of project %s: %s", c.Name, c.Location, c.Project, text))
	case http.StatusForbidden:
		return denied(fmt.Errorf("not allowed: this needs container.clusters.get in project %s, and its Kubernetes Engine API enabled: %s", c.Project, text))
	}
	return fmt.Errorf("the container API answered %s", text)
}

// choose takes the endpoint that is wanted.
func (g *gkeCloud) choose(c gkeCluster) (place, error) {
	dns, connect := c.ControlPlane.DNS, g.config.Connect
	if connect == "" && dns.Endpoint != "" && dns.AllowExternalTraffic {
		connect = "dns"
	}
	address := c.Endpoint
	switch connect {
	case "dns":
		if dns.Endpoint == "" || !dns.AllowExternalTraffic {
			return place{}, misconfigured(fmt.Errorf("the DNS endpoint of GKE cluster %s does not take traffic: enable it, or connect: ip", g.config.Name))
		}
		return place{server: "https://" + dns.Endpoint}, nil // its certificate is one of the web's
	case "privateIP":
		if address = cmp.Or(c.ControlPlane.IP.PrivateEndpoint, c.PrivateClusterConfig.PrivateEndpoint); address == "" && c.Endpoint != "" {
			return place{}, misconfigured(fmt.Errorf("GKE cluster %s has no private endpoint: connect: dns or ip", g.config.Name))
		}
	}
	if address == "" {
		return place{}, fmt.Errorf("GKE cluster %s has no endpoint: its status is %s", g.config.Name, cmp.Or(c.Status, "unknown"))
	}
	ca, err := base64.StdEncoding.DecodeString(c.MasterAuth.CACertificate)
	if err != nil || len(ca) == 0 {
		return place{}, fmt.Errorf("GKE's answer holds no certificate of cluster %s", g.config.Name)
	}
	return place{server: "https://" + address, ca: ca}, nil
}

// token implements cloud.
func (g *gkeCloud) token(ctx context.Context) (string, time.Time, error) {
	if err := g.identity.Ready(ctx); err != nil {
		if wrong := (*gcpconfig.SetupError)(nil); errors.As(err, &wrong) {
			err = denied(err)
		}
		return "", time.Time{}, err
	}
	token, err := g.identity.Token(ctx)
	if err != nil {
		return "", time.Time{}, errors.New("the credentials give none") // a moment ago they did
	}
	return token.Value, token.Expiry.Add(-gkeSpare), nil
}

// forget implements cloud.
func (g *gkeCloud) forget() { g.identity.Forget() }

// refused implements cloud.
func (g *gkeCloud) refused() string {
	return fmt.Sprintf("GKE cluster %s does not know the identity of the application default credentials, or its token was taken back", g.config.Name)
}

// plainError is what went wrong without where.
func plainError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if transport := (*url.Error)(nil); errors.As(err, &transport) {
		return transport.Err
	}
	return err
}
