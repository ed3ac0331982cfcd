package otlp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

type grpcExporter struct {
	timeout time.Duration
	headers metadata.MD
	secrets []string
	options []grpc.CallOption
	tls     *handshake // nil without encryption
	conn    *grpc.ClientConn
	client  collector.LogsServiceClient
}

func newGRPC(c Config, env sinks.Env) (*grpcExporter, error) {
	u, err := httppost.ParseURL(c.Endpoint.Reveal())
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	e := &grpcExporter{timeout: c.HTTP.Timeout, headers: metadata.MD{}, secrets: []string{u.Host}}
	for name, value := range c.Headers {
		e.headers.Set(name, value.Reveal())
		e.secrets = append(e.secrets, value.Reveal())
	}
	if c.Gzip {
		e.options = append(e.options, grpc.UseCompressor(gzip.Name))
	}
	encryption := insecure.NewCredentials()
	if u.Scheme == "https" {
		dialer, err := httppost.NewDialer(c.HTTP.TLS, true, env)
		if err != nil {
			return nil, err
		}
		e.tls = &handshake{TransportCredentials: credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12}), dialer: dialer}
		encryption = e.tls
	}
	// It connects at the first call.
	e.conn, err = grpc.NewClient("dns:///"+hostPort(u),
		grpc.WithTransportCredentials(encryption), grpc.WithUserAgent("packetboat/"+env.Version),
		grpc.WithDisableRetry(), grpc.WithDisableServiceConfig(),
		// The caller waits between attempts: a connection that waits by itself, two
		// minutes in the end, would fail all of them unseen.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, MaxDelay: time.Second},
			MinConnectTimeout: 10 * time.Second,
		}))
	if err != nil {
		return nil, errors.New("endpoint: not what gRPC takes")
	}
	e.client = collector.NewLogsServiceClient(e.conn)
	return e, nil
}

func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
}

func (e *grpcExporter) export(ctx context.Context, request []byte) (*collector.ExportLogsPartialSuccess, error) {
	var message collector.ExportLogsServiceRequest
	if err := proto.Unmarshal(request, &message); err != nil {
		return nil, sinks.Permanent(fmt.Errorf("put the batch together: %w", err))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, e.timeout, fmt.Errorf("no answer within %s", e.timeout))
	defer cancel()
	response, err := e.client.Export(metadata.NewOutgoingContext(ctx, e.headers), &message, e.options...)
	if err != nil {
		return nil, e.judge(ctx, err)
	}
	return response.GetPartialSuccess(), nil
}

// judge is the status table for gRPC, as httppost's is for HTTP.
func (e *grpcExporter) judge(ctx context.Context, err error) error {
	s := status.Convert(err)
	if end, ok := ctx.Deadline(); ok && s.Code() == codes.DeadlineExceeded && !time.Now().Before(end) {
		<-ctx.Done() // the library went by the clock, and was sooner than the timer
	}
	if ctx.Err() != nil {
		return fmt.Errorf("no answer: %w", context.Cause(ctx))
	}
	switch s.Code() {
	case codes.Unavailable, codes.Canceled, codes.DeadlineExceeded, codes.Unknown:
		if e.tls != nil {
			if untrusted := e.tls.untrusted.Load(); untrusted != nil {
				return sinks.Stop(fmt.Errorf("the server's certificate is not trusted: %w", untrusted.Err))
			}
		}
	}
	text := fmt.Errorf("answered %s: %s", s.Code(), e.line(s.Message()))
	switch s.Code() {
	case codes.InvalidArgument, codes.FailedPrecondition:
		return sinks.Permanent(text)
	case codes.Unauthenticated, codes.PermissionDenied, codes.NotFound, codes.Unimplemented:
		return sinks.Stop(text)
	case codes.ResourceExhausted:
		// The same code as for throttling, from the library below the service: "received
		// message larger than max", or "message after decompression larger than max".
		if strings.Contains(s.Message(), "larger than max") {
			return sinks.Permanent(text)
		}
	}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok && info.GetRetryDelay().AsDuration() > 0 {
			return sinks.RetryAfter(text, info.GetRetryDelay().AsDuration())
		}
	}
	return text
}

// line is the beginning of what the other side says, without what it was sent.
func (e *grpcExporter) line(text string) string {
	for _, secret := range e.secrets {
		text = strings.ReplaceAll(text, secret, "<secret>")
	}
	return httppost.Line(text)
}

func (e *grpcExporter) close() { _ = e.conn.Close() }

// handshake encrypts a connection with the certificates that are in the files
// now, and remembers whether the server's was trusted: gRPC makes a text of it.
type handshake struct {
	credentials.TransportCredentials
	dialer    *httppost.Dialer
	untrusted atomic.Pointer[tls.CertificateVerificationError]
}

func (h *handshake) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := credentials.NewTLS(h.dialer.TLS()).ClientHandshake(ctx, authority, raw)
	var untrusted *tls.CertificateVerificationError
	errors.As(err, &untrusted)
	h.untrusted.Store(untrusted)
	return conn, info, err
}

func (h *handshake) Clone() credentials.TransportCredentials { return h }
