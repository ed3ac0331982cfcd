package gcpclient

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"

	"github.com/packetboat/packetboat/sinks"
)

// identity is who we are to Google. It finds that out at the first use, and
// again when the credentials file has changed: a rotated key needs no restart.
type identity struct {
	path  string // "" for the application default credentials
	watch string // the file that is read again when it changes, if there is one
	scope string
	log   *slog.Logger

	mu    sync.Mutex
	found *auth.Credentials
	seen  fileVersion
	last  string // the token in use, to keep it out of errors
}

type fileVersion struct {
	modified time.Time
	size     int64
}

func newIdentity(path, scope string, log *slog.Logger) *identity {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &identity{path: path, watch: cmp.Or(path, os.Getenv("GOOGLE_APPLICATION_CREDENTIALS")), scope: scope, log: log}
}

// credentials are what the client is given. They ask here for every token.
func (i *identity) credentials() *auth.Credentials {
	property := func(of func(*auth.Credentials, context.Context) (string, error)) auth.CredentialsPropertyFunc {
		return func(ctx context.Context) (string, error) {
			found, err := i.find()
			if err != nil {
				return "", err
			}
			return of(found, ctx)
		}
	}
	return auth.NewCredentials(&auth.CredentialsOptions{
		TokenProvider:          i,
		ProjectIDProvider:      property((*auth.Credentials).ProjectID),
		QuotaProjectIDProvider: property((*auth.Credentials).QuotaProjectID),
		UniverseDomainProvider: property((*auth.Credentials).UniverseDomain),
	})
}

// Token implements auth.TokenProvider.
func (i *identity) Token(ctx context.Context) (*auth.Token, error) {
	found, err := i.find()
	if err != nil {
		return nil, err
	}
	token, err := found.Token(ctx)
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last = token.Value
	return token, nil
}

// ready says with a verdict why there is no token.
func (i *identity) ready(ctx context.Context) error {
	if _, err := i.find(); err != nil {
		return sinks.Stop(err)
	}
	if _, err := i.Token(ctx); err != nil {
		return tokenError(ctx, err)
	}
	return nil
}

func (i *identity) find() (*auth.Credentials, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	// Looked at before reading: a change in between is then found the next time.
	version := versionOf(i.watch)
	if i.found != nil && version == i.seen {
		return i.found, nil
	}
	found, err := i.detect()
	switch {
	case err == nil:
		i.found, i.seen = found, version
		return found, nil
	case i.found != nil:
		// In mid-rotation the file may be missing or half written; it changes again when it is done.
		i.seen = version
		i.log.Warn("the credentials file changed and cannot be read; the old credentials stay in use", "error", err)
		return i.found, nil
	}
	return nil, err
}

func (i *identity) detect() (*auth.Credentials, error) {
	options := &credentials.DetectOptions{Scopes: []string{i.scope}}
	if i.path == "" {
		found, err := credentials.DetectDefault(options)
		if err != nil {
			// The library's words may hold what is in a file.
			return nil, errors.New("find application default credentials: there are none that can be used: " +
				"give the workload a Google service account, or set credentials_path or GOOGLE_APPLICATION_CREDENTIALS")
		}
		return found, nil
	}
	raw, err := os.ReadFile(i.path)
	if err != nil {
		return nil, fmt.Errorf("read credentials_path: %w", err)
	}
	var file struct {
		Type credentials.CredType `json:"type"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, errors.New("read credentials_path: the file is not JSON")
	}
	// The file is the operator's own, so every type that it may have is welcome.
	found, err := credentials.NewCredentialsFromJSON(file.Type, raw, options)
	if err != nil {
		return nil, fmt.Errorf("read credentials_path: the file holds no credentials that can be used (its type is %q)", file.Type)
	}
	return found, nil
}

// tokenError judges why a token was not given, without the address that was
// asked and without the key.
func tokenError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("get a token: %w", context.Cause(ctx))
	}
	var refused *auth.Error
	if errors.As(err, &refused) && refused.Response != nil {
		status := refused.Response.StatusCode
		text := fmt.Sprintf("get a token: answered %d %s", status, http.StatusText(status))
		var body struct {
			Error string `json:"error"`
		}
		if json.Unmarshal(refused.Body, &body) == nil && body.Error != "" {
			text += ": " + Excerpt(body.Error)
		}
		if status/100 == 4 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout {
			return sinks.Stop(errors.New(text))
		}
		return errors.New(text)
	}
	var transport *url.Error
	if errors.As(err, &transport) {
		return fmt.Errorf("get a token: no answer: %w", transport.Err)
	}
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return sinks.Stop(fmt.Errorf("get a token: %w", path))
	}
	return errors.New("get a token: the credentials give none")
}

func versionOf(path string) fileVersion {
	if path == "" {
		return fileVersion{}
	}
	info, err := os.Stat(path)
	if err != nil {
		return fileVersion{}
	}
	return fileVersion{info.ModTime(), info.Size()}
}

func (i *identity) token() string {
	if i == nil {
		return ""
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.last
}
