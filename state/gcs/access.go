package gcs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"github.com/packetboat/packetboat/core/gcpconfig"
)

// Access says which bucket and how it is reached. Credentials are the
// application default ones.
type Access struct {
	// Bucket is where the objects are.
	Bucket string `yaml:"bucket"`
	// Endpoint is the URL of an emulator or of a private endpoint, without a path.
	// One with http:// gets no credentials.
	Endpoint string `yaml:"endpoint"`
}

func (a Access) check() error {
	switch {
	case a.Bucket == "":
		return errors.New("bucket is missing")
	case strings.Contains(a.Bucket, "/"):
		return fmt.Errorf("bucket %q has a slash in it", a.Bucket)
	}
	if a.Endpoint == "" {
		return nil
	}
	endpoint, err := url.Parse(a.Endpoint)
	if err != nil || endpoint.Scheme != "http" && endpoint.Scheme != "https" || endpoint.Host == "" ||
		endpoint.User != nil || strings.Trim(endpoint.Path, "/") != "" {
		return errors.New("endpoint is not a URL such as https://storage-example.p.googleapis.com")
	}
	return nil
}

// connection is a client that connects at the first use.
type connection struct {
	access   Access
	identity *gcpconfig.Identity // nil: no credentials
	timeout  time.Duration       // of one call

	mu     sync.Mutex // guards client
	client *storage.Client
}

// callTimeout bounds one attempt: a connection that is half open answers never.
const callTimeout = 30 * time.Second

func connect(access Access) *connection {
	c := &connection{access: access, timeout: callTimeout}
	// Plain text would show a token to everybody on the way; an emulator wants none.
	if !strings.HasPrefix(access.Endpoint, "http://") && os.Getenv("STORAGE_EMULATOR_HOST") == "" {
		c.identity = gcpconfig.New("", storage.ScopeReadWrite, nil)
	}
	return c
}

// begin gives the bucket and the context of one call. A failure to connect is
// not kept: the next call tries again.
func (c *connection) begin(ctx context.Context) (*storage.BucketHandle, context.Context, context.CancelFunc, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %s", c.timeout))
	client, err := c.open(ctx)
	if err != nil {
		cancel()
		return nil, nil, nil, fmt.Errorf("connect: %w", err)
	}
	return client.Bucket(c.access.Bucket), ctx, cancel, nil
}

func (c *connection) open(ctx context.Context) (*storage.Client, error) {
	// Asked for by itself, and then kept: in the error of a call it could not be told from the service's.
	if c.identity != nil {
		if err := c.identity.Ready(ctx); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		return c.client, nil
	}
	options := []option.ClientOption{storage.WithJSONReads()}
	if c.access.Endpoint != "" {
		options = append(options, option.WithEndpoint(strings.TrimSuffix(c.access.Endpoint, "/")+"/storage/v1/"))
	}
	if c.identity != nil {
		options = append(options, option.WithAuthCredentials(c.identity.Credentials()))
	} else {
		options = append(options, option.WithoutAuthentication())
	}
	// The client lives longer than this call.
	client, err := storage.NewClient(context.WithoutCancel(ctx), options...)
	if err != nil {
		return nil, plain(ctx, err)
	}
	client.SetRetry(storage.WithPolicy(storage.RetryNever))
	c.client = client
	return client, nil
}

// explain says what a person can do about a failed call, named by the
// permission that it needs.
func (c *connection) explain(ctx context.Context, permission string, err error) error {
	hint := ""
	var answer *googleapi.Error
	switch errors.As(err, &answer); {
	case answer == nil:
	case answer.Code == http.StatusForbidden && permission == "storage.objects.create":
		hint = fmt.Sprintf("not allowed: this needs storage.objects.create, and storage.objects.delete to replace an object, on bucket %s: ",
			c.access.Bucket)
	case answer.Code == http.StatusForbidden:
		hint = fmt.Sprintf("not allowed: this needs %s on bucket %s: ", permission, c.access.Bucket)
	case answer.Code == http.StatusNotFound && permission == "storage.objects.create", answer.Code == http.StatusNotFound && permission == "storage.objects.list":
		hint = fmt.Sprintf("bucket %s does not exist: ", c.access.Bucket)
	case answer.Code == http.StatusTooManyRequests:
		hint = "too many writes of one object, Cloud Storage takes one a second: "
	}
	return &callError{text: fmt.Sprintf("%s: %s%.500s", permission, hint, plain(ctx, err)), err: err}
}

// callError keeps the client's error for those who ask for its code, and prints
// none of it: its text can hold the whole URL.
type callError struct {
	text string
	err  error
}

func (e *callError) Error() string { return e.text }
func (e *callError) Unwrap() error { return e.err }

// plain is what went wrong without where.
func plain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if transport := (*url.Error)(nil); errors.As(err, &transport) {
		return transport.Err
	}
	if answer := (*googleapi.Error)(nil); errors.As(err, &answer) {
		return errors.New(said(answer))
	}
	return err
}

// said is what the service answered. The client leaves it to us to read the
// answer to a download: JSON or plain text. A page is some proxy's.
func said(answer *googleapi.Error) string {
	text := answer.Message
	var body struct{ Error struct{ Message string } }
	switch {
	case text != "" || strings.HasPrefix(answer.Body, "<"):
	case json.Unmarshal([]byte(answer.Body), &body) == nil:
		text = body.Error.Message
	default:
		text, _, _ = strings.Cut(answer.Body, "\n")
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", answer.Code, http.StatusText(answer.Code), text))
}

// isAbsent is also true of a bucket that is not there, and of the 404 of a proxy
// in between: the commit that follows a load tells, since it must find nothing too.
func isAbsent(err error) bool { return errors.Is(err, storage.ErrObjectNotExist) }

func isConflict(err error) bool {
	var answer *googleapi.Error
	return errors.As(err, &answer) && answer.Code == http.StatusPreconditionFailed
}
