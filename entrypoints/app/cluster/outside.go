package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
)

// A cloud finds a cluster, and says who we are to it. Its methods
// may be called concurrently.
type cloud interface {
	// find asks the cloud where the cluster is.
	find(ctx context.Context) (place, error)
	// token makes one, and says until when it is good.
	token(ctx context.Context) (string, time.Time, error)
	// forget: the cluster has refused the last token before its time.
	forget()
	// refused is what a person can do about a cluster that takes no token at all.
	refused() string
}

// place is where a cluster's API server is.
type place struct {
	server string
	ca     []byte // in PEM; nil for the system's roots
}

const (
	// placeLife bounds how long a cluster that was made anew under its old name is looked for at its old place.
	placeLife = time.Hour
	// placeDoubt is how long a place is trusted although nobody answers there: an API server that restarts has not moved.
	placeDoubt = time.Minute
	// lookupTime bounds one question to a cloud.
	lookupTime = 30 * time.Second
)

// ErrMisconfigured says that no cluster can be found by what is configured,
// however often one asks.
var ErrMisconfigured = errors.New("wrong configuration")

// misconfigured and denied mark an error as one that the next attempt would get too.
func misconfigured(err error) error {
	return backoff.Permanent(fmt.Errorf("%w: %w", ErrMisconfigured, err))
}

func denied(err error) error { return backoff.Permanent(err) }

// outside is the way to a cluster of a cloud, for client-go. The first request
// asks where the cluster is, and every request carries a token that is good.
type outside struct {
	cloud cloud
	now   func() time.Time
	place *kept[reached]
	token *kept[string]
}

type reached struct {
	url       *url.URL
	transport http.RoundTripper
}

// somewhere is put in the place of the address that is not known yet; RFC 2606
// keeps its domain free.
const somewhere = "https://cluster.invalid"

func fromOutside(c cloud, now func() time.Time) *rest.Config {
	o := &outside{cloud: c, now: now, place: keep[reached](now), token: keep[string](now)}
	o.place.old = true // the cloud's API is away: the cluster need not be
	return &rest.Config{Host: somewhere, Transport: o}
}

// RoundTrip implements http.RoundTripper. A token may be refused before its time:
// its role has changed, or the clocks differ. So after a 401 the request is made
// once more with a new one.
func (o *outside) RoundTrip(r *http.Request) (*http.Response, error) {
	response, used, err := o.attempt(r)
	if err != nil || response.StatusCode != http.StatusUnauthorized {
		return response, err
	}
	o.cloud.forget()
	o.token.forget(r.Context(), used)
	again := r.Clone(r.Context())
	if r.Body != nil && r.Body != http.NoBody {
		if r.GetBody == nil {
			return response, nil
		}
		if again.Body, err = r.GetBody(); err != nil {
			return response, nil //nolint:nilerr // the answer that we have is better than none
		}
	}
	discard(response)
	response, _, err = o.attempt(again)
	if err != nil || response.StatusCode != http.StatusUnauthorized {
		return response, err
	}
	discard(response)
	return nil, denied(fmt.Errorf("the cluster answers 401 Unauthorized to a new token too: %s", o.cloud.refused()))
}

// attempt makes the request once, with the token that was made at used.
func (o *outside) attempt(r *http.Request) (_ *http.Response, used time.Time, _ error) {
	ctx := r.Context()
	to, found, err := o.place.get(ctx, o.find)
	if err != nil {
		return nil, used, unsent(r, fmt.Errorf("find the cluster: %w", err))
	}
	token, used, err := o.token.get(ctx, o.makeToken)
	if err != nil {
		return nil, used, unsent(r, fmt.Errorf("get a token for the cluster: %w", err))
	}
	r = r.Clone(ctx)
	r.URL.Scheme, r.URL.Host, r.Host = to.url.Scheme, to.url.Host, to.url.Host
	r.URL.Path = strings.TrimSuffix(to.url.Path, "/") + r.URL.Path // behind a gateway there is one
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := to.transport.RoundTrip(r)
	if err != nil && ctx.Err() == nil && o.now().Sub(found).Abs() >= placeDoubt {
		o.place.forget(ctx, found) // it may have moved, or have a new certificate: the next request asks
	}
	return response, used, err
}

// unsent keeps the promise of a RoundTripper for a request that is not made.
func unsent(r *http.Request, err error) error {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return err
}

// discard makes the connection free for the next request.
func discard(response *http.Response) {
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
	_ = response.Body.Close()
}

func (o *outside) find(ctx context.Context) (reached, time.Time, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookupTime, fmt.Errorf("no answer within %s", lookupTime))
	defer cancel()
	until := o.now().Add(placeLife)
	found, err := o.cloud.find(ctx)
	if err != nil {
		return reached{}, until, err
	}
	address, err := url.Parse(found.server)
	if err != nil || address.Host == "" || address.Scheme != "https" {
		return reached{}, until, errors.New("where the cluster is said to be is no https:// address")
	}
	transport, err := rest.TransportFor(&rest.Config{
		Host: found.server, TLSClientConfig: rest.TLSClientConfig{CAData: found.ca}, DisableCompression: true,
	})
	if err != nil {
		return reached{}, until, errors.New("the certificate of the cluster's authority cannot be used")
	}
	return reached{address, transport}, until, nil
}

func (o *outside) makeToken(ctx context.Context) (string, time.Time, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookupTime, fmt.Errorf("no answer within %s", lookupTime))
	defer cancel()
	return o.cloud.token(ctx)
}

// CloseIdleConnections is what client-go and net/http look for.
func (o *outside) CloseIdleConnections() {
	if to, made := o.place.last(); made {
		utilnet.CloseIdleConnectionsFor(to.transport)
	}
}
