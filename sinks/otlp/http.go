package otlp

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

type httpExporter struct {
	client *httppost.Client
	url    string
	header http.Header
	gzip   bool
}

func newHTTP(c Config, env sinks.Env) (*httpExporter, error) {
	u, err := httppost.ParseURL(c.Endpoint.Reveal())
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = logsPath
	}
	client, err := httppost.New(c.HTTP, env)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Content-Type": {"application/x-protobuf"}}
	for name, value := range c.Headers {
		header.Set(name, value.Reveal())
	}
	return &httpExporter{client: client, url: u.String(), header: header, gzip: c.Gzip}, nil
}

func (e *httpExporter) export(ctx context.Context, request []byte) (*collector.ExportLogsPartialSuccess, error) {
	answer, err := e.client.Send(ctx, httppost.Request{
		URL: e.url, Header: e.header, Body: request, Gzip: e.gzip, AnswerBytes: 64 << 10,
	})
	if err != nil {
		return nil, err
	}
	decode := proto.Unmarshal
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json") {
		decode = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal
	}
	var response collector.ExportLogsServiceResponse
	if err := decode(answer.Body, &response); err != nil {
		// A 2xx is an acceptance. Many say so in words of their own.
		return nil, nil //nolint:nilerr // what cannot be read says nothing about a rejection
	}
	return response.GetPartialSuccess(), nil
}

func (e *httpExporter) close() { e.client.Close() }
