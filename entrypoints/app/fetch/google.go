//go:build !slim || gcp

package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
)

// scope lets what the caller's IAM roles let.
const scope = "https://www.googleapis.com/auth/cloud-platform"

// Google makes authorised GET requests, with the application default
// credentials. Its zero value is ready.
//
// Two requests of two APIs are all that is asked of Google here: the generated
// clients would add megabytes to say them.
type Google struct {
	mu          sync.Mutex // guards credentials
	credentials *auth.Credentials
}

// Get returns the body of a GET, at most limit bytes, and its header. With an
// address that begins with http://, an emulator's, no token is sent. A body above
// the limit is an error. The result of 304 is no body.
func (g *Google) Get(ctx context.Context, address string, limit int64) ([]byte, http.Header, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, Timeout, fmt.Errorf("no answer within %s", Timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, Wrongf("the name makes no address")
	}
	if !strings.HasPrefix(address, "http://") {
		token, err := g.token(ctx)
		if err != nil {
			return nil, nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultTransport.RoundTrip(req) // a client would follow redirects, with the token
	if err != nil {
		return nil, nil, plain(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("read the answer: %w", plain(ctx, err))
	case resp.StatusCode == http.StatusNotModified:
		return nil, resp.Header, nil
	case resp.StatusCode != http.StatusOK:
		return nil, nil, &StatusError{Status: resp.StatusCode, text: said(body)}
	case int64(len(body)) > limit:
		return nil, nil, Wrongf("is larger than the limit of %d bytes", limit)
	}
	return body, resp.Header, nil
}

func (g *Google) token(ctx context.Context) (string, error) {
	const failed = "get Google credentials, from GOOGLE_APPLICATION_CREDENTIALS, gcloud or the metadata server"
	found, err := g.find()
	if err != nil {
		return "", fmt.Errorf("%s: %w", failed, plain(ctx, err))
	}
	token, err := found.Token(ctx) // kept by the library until it expires
	if err != nil {
		// The text of the library's error quotes the answer of the token server.
		if status := (*auth.Error)(nil); errors.As(err, &status) && status.Response != nil {
			return "", fmt.Errorf("%s: answer %d", failed, status.Response.StatusCode)
		}
		return "", fmt.Errorf("%s: %w", failed, plain(ctx, err))
	}
	return token.Value, nil
}

func (g *Google) find() (*auth.Credentials, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.credentials == nil {
		found, err := credentials.DetectDefault(&credentials.DetectOptions{Scopes: []string{scope}})
		if err != nil {
			return nil, err
		}
		g.credentials = found
	}
	return g.credentials, nil
}

// said is Google's own message, cut to what a line can hold; a page is some proxy's.
func said(body []byte) string {
	var answer struct{ Error struct{ Message string } }
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	return fmt.Sprintf("%.300s", answer.Error.Message)
}
