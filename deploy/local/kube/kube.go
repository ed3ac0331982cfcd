// Package kube is the smallest Kubernetes client that the local cluster, its load and its demo need: one call is one HTTP
// request, as the user of a kubeconfig. It retries nothing. A Client may be used concurrently.
package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// The content types of requests.
const (
	JSON       = "application/json"
	MergePatch = "application/merge-patch+json"
	Apply      = "application/apply-patch+yaml"
	Protobuf   = "application/vnd.kubernetes.protobuf"
)

// Client calls one API server as one user.
type Client struct {
	server *url.URL
	http   *http.Client
}

// StatusError is an answer other than 2xx.
type StatusError struct {
	Code    int
	Message string
}

func (e *StatusError) Error() string { return fmt.Sprintf("status %d: %s", e.Code, e.Message) }

// Is reports whether err is the server's answer with this status code.
func Is(err error, code int) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Code == code
}

// FromFile returns a client for the current context of a kubeconfig file.
func FromFile(kubeconfig string) (*Client, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("set up client of %s: %w", kubeconfig, err)
	}
	server, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("read server address of %s: %w", kubeconfig, err)
	}
	return &Client{server: server, http: httpClient}, nil
}

// Close gives up the connections to the server. The client may still be used.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Do sends one request and returns the body of its answer. The answer has the content type of the request where the
// server can write that, else JSON. After a write of rights it returns when they are in force.
func (c *Client) Do(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	answer, err := c.send(ctx, method, path, contentType, body)
	if err == nil && changesRights(method, path) {
		err = c.AwaitRights(ctx)
	}
	return answer, err
}

func (c *Client) send(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	target, err := c.server.Parse(path)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Accept", JSON)
	if contentType == Protobuf {
		request.Header.Set("Accept", Protobuf+", "+JSON)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: read answer: %w", method, path, err)
	}
	if response.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %w", method, path, &StatusError{Code: response.StatusCode, Message: message(answer)})
	}
	return answer, nil
}

// Get decodes the JSON answer to a GET into out.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	answer, err := c.Do(ctx, http.MethodGet, path, JSON, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("GET %s: decode answer: %w", path, err)
	}
	return nil
}

// Apply writes an object by server-side apply: it is created, or changed to have these fields, whichever it takes.
func (c *Client) Apply(ctx context.Context, path string, object any) error {
	body, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	_, err = c.Do(ctx, http.MethodPatch, path+"?fieldManager=packetboat-local&force=true", Apply, body)
	return err
}

// message takes the sentence out of a Status object; other bodies, as of a proxy in between, are shown as they are.
func message(answer []byte) string {
	var status struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(answer, &status) == nil && status.Message != "" {
		return status.Message
	}
	return string(answer[:min(len(answer), 300)])
}
