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

	"github.com/packetboat/packetboat/core/gcpconfig"
)

// scope lets what the caller's IAM roles let.
const scope = "https://www.googleapis.com/auth/cloud-platform"

// Google makes authorised GET requests, with the application default
// credentials. Its zero value is ready.
//
// Two requests of two APIs are all that is asked of Google here: the generated
// clients would add megabytes to say them.
type Google struct {
	mu       sync.Mutex // guards identity
	identity *gcpconfig.Identity
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

// token is kept by its source until it expires.
func (g *Google) token(ctx context.Context) (string, error) {
	g.mu.Lock()
	if g.identity == nil {
		g.identity = gcpconfig.New("", scope, nil)
	}
	identity := g.identity
	g.mu.Unlock()
	if err := identity.Ready(ctx); err != nil {
		if setup := (*gcpconfig.SetupError)(nil); errors.As(err, &setup) {
			return "", Wrongf("%s", err)
		}
		return "", err
	}
	token, err := identity.Token(ctx)
	if err != nil {
		return "", plain(ctx, err)
	}
	return token.Value, nil
}

// said is Google's own message, cut to what a line can hold; a page is some proxy's.
func said(body []byte) string {
	var answer struct{ Error struct{ Message string } }
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	return fmt.Sprintf("%.300s", answer.Error.Message)
}
