package sinktest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// bulk is a sink of a service that has everything: limits of every sort and
// partial failures. It shows that no property of the suite is out of reach.
type bulk struct {
	client *httppost.Client
	config config
}

type config struct {
	URL   secret.String `yaml:"url"`
	Token secret.String `yaml:"token"`
}

const (
	maxRecords     = 10
	maxBytes       = 20_000
	maxRecordBytes = 8_000
)

var kind = sinks.NewKind("bulk", sinks.Oldest, func() config { return config{} },
	func(_ context.Context, c config, env sinks.Env) (sinks.Sink, error) {
		client, err := httppost.New(httppost.Config{}, env)
		return &bulk{client: client, config: c}, err
	})

func (b *bulk) Limits() sinks.Limits {
	return sinks.Limits{Records: maxRecords, Bytes: maxBytes, RecordBytes: maxRecordBytes, Concurrency: 4}
}

func (b *bulk) Encode(ev *event.Event) (sinks.Record, error) {
	body, err := json.Marshal(ev)
	return sinks.Record{ID: ev.ID(), Event: ev, Body: body}, err
}

type item struct {
	ID   string          `json:"id"`
	Body json.RawMessage `json:"body"`
}

func (b *bulk) Send(ctx context.Context, batch []sinks.Record) error {
	var body bytes.Buffer
	for _, r := range batch {
		if err := json.NewEncoder(&body).Encode(item{r.ID, r.Body}); err != nil {
			return sinks.Permanent(err)
		}
	}
	answer, err := b.client.Send(ctx, httppost.Request{
		URL: b.config.URL.Reveal(), Body: body.Bytes(), AnswerBytes: 1 << 20,
		Header: http.Header{"Authorization": {"Bearer " + b.config.Token.Reveal()}},
	})
	if err != nil || len(answer.Body) == 0 {
		return err
	}
	var refused []int
	if err := json.Unmarshal(answer.Body, &refused); err != nil {
		return fmt.Errorf("decode the answer: %w", err)
	}
	partial := &sinks.PartialError{Refused: map[int]error{}}
	for _, i := range refused {
		partial.Refused[i] = sinks.Permanent(errors.New("bad"))
	}
	return partial
}

func (b *bulk) Close(context.Context) error {
	b.client.Close()
	return nil
}

func TestConformance(t *testing.T) {
	const token = "t0ken-of-the-bulk-service"
	sinktest.Run(t, sinktest.Harness{
		Secrets: []string{token, "path-with-a-key"},
		Start: func(t *testing.T) sinktest.Destination {
			service := sinktest.NewHTTPService(t, readItems)
			service.Refuse(func(w http.ResponseWriter, a sinktest.Answer, got []sinktest.Delivery) bool {
				if a.Outcome != sinktest.Partly {
					return false
				}
				_ = json.NewEncoder(w).Encode(a.Refused)
				return true
			})
			service.Limit(sinks.Limits{Records: maxRecords, Bytes: maxBytes, RecordBytes: maxRecordBytes})
			return sinktest.Destination{
				Kind: kind, Service: service,
				Config: "{url: " + service.URL + "/path-with-a-key, token: " + token + "}",
			}
		},
	})
}

func readItems(_ *http.Request, body []byte) []sinktest.Delivery {
	var got []sinktest.Delivery
	decoder := json.NewDecoder(bytes.NewReader(body))
	for {
		var i item
		if err := decoder.Decode(&i); errors.Is(err, io.EOF) {
			return got
		} else if err != nil {
			panic(err)
		}
		got = append(got, sinktest.Delivery{Key: i.ID, Body: i.Body})
	}
}
