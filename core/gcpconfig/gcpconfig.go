// Package gcpconfig is the one way in which this program finds out who it is to
// Google Cloud, for sinks, stores, secrets and clusters.
//
// New does nothing. Credentials are looked for at the first use; a failure is not
// kept, the next use tries again. It does not retry. Errors hold no URL, token or
// key. All methods may be called concurrently.
package gcpconfig

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
	"strings"
	"sync"
	"time"
	"unicode"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
)

// Identity is who we are to Google. It finds that out at the first use, and
// again when the credentials file has changed: a rotated key needs no restart.
type Identity struct {
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

// New notes where credentials come from: a file of any type that Google's
// libraries know, or with "" the application default credentials. scope is what
// they are asked for; several are separated by spaces.
func New(path, scope string, log *slog.Logger) *Identity {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Identity{path: path, watch: cmp.Or(path, os.Getenv("GOOGLE_APPLICATION_CREDENTIALS")), scope: scope, log: log}
}

// Credentials are what a Google client is given. They ask here for every token.
func (i *Identity) Credentials() *auth.Credentials {
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
func (i *Identity) Token(ctx context.Context) (*auth.Token, error) {
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

// SetupError says what only the operator can mend: trying again is of no use.
type SetupError struct{ err error }

func (e *SetupError) Error() string { return e.err.Error() }
func (e *SetupError) Unwrap() error { return e.err }

// Ready says why there is no token, with a *SetupError where trying again is of
// no use. It is asked by itself, before a call: in the error of a call it cannot
// be told from the service's own refusal.
func (i *Identity) Ready(ctx context.Context) error {
	if _, err := i.find(); err != nil {
		return &SetupError{err}
	}
	if _, err := i.Token(ctx); err != nil {
		return tokenError(ctx, err)
	}
	return nil
}

// Forget makes the next use ask for a new token, after the service has refused
// the one in use before its time.
func (i *Identity) Forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.seen = fileVersion{size: -1} // no file's: it is read again
}

func (i *Identity) find() (*auth.Credentials, error) {
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

func (i *Identity) detect() (*auth.Credentials, error) {
	options := &credentials.DetectOptions{Scopes: strings.Fields(i.scope)}
	if i.path == "" {
		found, err := credentials.DetectDefault(options)
		if _, missing := os.Stat(i.watch); err != nil && i.watch != "" && missing != nil {
			return nil, fmt.Errorf("find application default credentials: GOOGLE_APPLICATION_CREDENTIALS: %w", missing)
		}
		if err != nil {
			// The library's words may hold what is in a file.
			return nil, errors.New("find application default credentials: there are none that can be used: " +
				"give the workload a Google service account, or name a credentials file, with GOOGLE_APPLICATION_CREDENTIALS or a receiver's credentials_path")
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
			return &SetupError{errors.New(text)}
		}
		return errors.New(text)
	}
	var transport *url.Error
	if errors.As(err, &transport) {
		return fmt.Errorf("get a token: no answer: %w", transport.Err)
	}
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return &SetupError{fmt.Errorf("get a token: %w", path)}
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

// Redact takes out of what a service said the token that it may repeat.
func (i *Identity) Redact(text string) string {
	if i == nil {
		return text
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.last == "" {
		return text
	}
	return strings.ReplaceAll(text, i.last, "<secret>")
}

const excerptRunes = 200

// Excerpt is the start of what a service said as one printable line.
func Excerpt(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return ' '
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > excerptRunes {
		text = string(runes[:excerptRunes]) + "..."
	}
	return text
}
