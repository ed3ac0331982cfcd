// Package bigquery inserts events as rows into a BigQuery table.
//
// A batch is one streaming insert. Rows that the table cannot take are refused
// by themselves, all others are accepted; accepted means that they can be
// queried and are stored. Every row has an insert ID, by which BigQuery drops a
// repetition within about a minute. Send makes one attempt and does not retry:
// it calls the REST API itself, since the library's Inserter retries for as long
// as its context lives. A table that is missing and may be created is created on
// the way. Nothing is connected and no credentials are looked for before the
// first Send. All methods may be called concurrently.
package bigquery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	api "google.golang.org/api/bigquery/v2"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/gcpconfig"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/gcpclient"
)

// Kind is the bigquery sink.
var Kind = sinks.NewKind("bigquery", sinks.Oldest, defaults, open)

// What a streaming insert takes: https://cloud.google.com/bigquery/quotas#streaming_inserts.
const (
	maxRequest = 10_000_000
	maxRows    = 10_000 // of 50,000: the insert IDs of more would fill the request
	framing    = 200    // bytes beside a row: its insert ID, and names
)

const concurrency = 4

// service is the REST client. There is nothing to close in it.
type service struct{ *api.Service }

func (service) Close() error { return nil }

type sink struct {
	config  Config
	columns []*api.TableFieldSchema
	other   atomic.Pointer[[]*api.TableFieldSchema] // see otherColumns; nil until the table is there
	client  *gcpclient.Client[service]
	payload func(*event.Event) ([]byte, error)
	log     *slog.Logger
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	c.GCP = c.GCP.WithEmulator("BIGQUERY_EMULATOR_HOST")
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{config: c, columns: schema(), log: env.Log}
	var err error
	if s.payload, err = env.Compiler.Payload(c.Payload); err != nil {
		return nil, err
	}
	if _, err := s.Encode(event.Sample()); err != nil {
		return nil, err
	}
	s.client = gcpclient.New(c.GCP, api.BigqueryScope, env, func(ctx context.Context, options ...option.ClientOption) (service, error) {
		client, err := api.NewService(ctx, append(options, c.GCP.HTTP("/bigquery/v2/")...)...)
		return service{client}, err
	})
	return s, nil
}

func (s *sink) Limits() sinks.Limits {
	rows := s.config.rows()
	bytes := maxRequest - (rows+1)*framing
	return sinks.Limits{Records: rows, Bytes: bytes, RecordBytes: bytes, Concurrency: concurrency}
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	body, err := s.row(ev, s.columns)
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: ev.ID(), Event: ev, Body: body}, nil
}

// row is an event for a table with these columns, or what the layout makes of it.
func (s *sink) row(ev *event.Event, columns []*api.TableFieldSchema) ([]byte, error) {
	payload, err := s.payload(ev)
	if err != nil {
		return nil, err
	}
	row, err := object(payload)
	if err != nil {
		return nil, err
	}
	if s.config.Payload.Layout.IsZero() {
		if row["id"], err = json.Marshal(ev.ID()); err != nil {
			return nil, err
		}
		if at := ev.Time(); !at.IsZero() {
			row["time"] = at.AppendFormat(nil, `"`+time.RFC3339Nano+`"`)
		}
		if row, err = fit(row, columns); err != nil {
			return nil, err
		}
	}
	return json.Marshal(row)
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if len(batch) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.config.timeout(), fmt.Errorf("no answer within %s", s.config.timeout()))
	defer cancel()
	client, err := s.client.Get(ctx)
	if err != nil {
		return fmt.Errorf("insert rows: %w", err)
	}
	columns, err := s.otherColumns(ctx, client)
	if err != nil {
		return err
	}
	request, err := s.request(batch, columns)
	if err != nil {
		return sinks.Permanent(fmt.Errorf("insert rows: %w", err))
	}
	answer, err := client.Tabledata.InsertAll(s.config.Project, s.config.Dataset, s.config.Table, request).Context(ctx).Do()
	if isStatus(err, http.StatusNotFound) && s.config.createsTable() {
		// Created or removed a moment ago: BigQuery remembers for a while that it was not there.
		s.other.Store(nil)
		return sinks.RetryAfter(errors.New("insert rows: the table cannot be seen yet"), 5*time.Second)
	}
	if err != nil {
		return fmt.Errorf("insert rows: %w", s.client.Explain(ctx, err))
	}
	return refusals(answer, len(batch))
}

// request has the rows as they were encoded, or anew for other columns.
func (s *sink) request(batch []sinks.Record, columns []*api.TableFieldSchema) (*api.TableDataInsertAllRequest, error) {
	limits := s.Limits()
	if len(batch) > limits.Records {
		return nil, fmt.Errorf("%d rows are more than %d", len(batch), limits.Records)
	}
	request := &api.TableDataInsertAllRequest{SkipInvalidRows: true}
	bytes := 0
	for _, r := range batch {
		row := r.Body
		if columns != nil {
			var err error
			if row, err = s.row(r.Event, columns); err != nil {
				return nil, err
			}
		}
		if bytes += len(row); bytes > limits.Bytes {
			return nil, fmt.Errorf("the rows have more than %d bytes", limits.Bytes)
		}
		cells, err := object(row)
		if err != nil {
			return nil, err
		}
		insert := &api.TableDataInsertAllRequestRows{InsertId: insertID(r.ID), Json: make(map[string]api.JsonValue, len(cells))}
		for name, value := range cells {
			insert.Json[name] = value
		}
		request.Rows = append(request.Rows, insert)
	}
	return request, nil
}

// refusals says which rows were refused. The service's message quotes the row,
// so that only the reason and the column are told.
func refusals(answer *api.TableDataInsertAllResponse, rows int) error {
	if len(answer.InsertErrors) == 0 {
		return nil
	}
	partial := &sinks.PartialError{Refused: map[int]error{}}
	for _, e := range answer.InsertErrors {
		if e.Index < 0 || int(e.Index) >= rows {
			return fmt.Errorf("insert rows: the answer names row %d of %d", e.Index, rows)
		}
		partial.Refused[int(e.Index)] = rowError(e.Errors)
	}
	return partial
}

func rowError(reasons []*api.ErrorProto) error {
	text, invalid := []string{"the row was refused"}, false
	for _, r := range reasons {
		invalid = invalid || r.Reason == "invalid"
		text = append(text, strings.TrimSpace(gcpconfig.Excerpt(r.Reason+" "+r.Location)))
	}
	err := errors.New(strings.Join(text, ": "))
	if invalid {
		return sinks.Permanent(err)
	}
	return err // stopped, timeout, backendError: nothing is wrong with this row
}

func isStatus(err error, code int) bool {
	var answer *googleapi.Error
	return errors.As(err, &answer) && answer.Code == code
}

func (s *sink) Close(context.Context) error { return s.client.Close() }
