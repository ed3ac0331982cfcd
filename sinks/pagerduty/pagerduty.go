// Package pagerduty opens alerts in PagerDuty through its Events API and ends them.
//
// Accepted means that PagerDuty has queued the event: it answers 202. A repetition
// adds to the open alert of its key. Send makes one attempt and does not retry. All
// methods may be called concurrently.
package pagerduty

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	api "github.com/PagerDuty/go-pagerduty"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/alert"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Kind is the pagerduty sink.
var Kind = sinks.NewKind("pagerduty", sinks.Now, defaults, open)

type sink struct {
	config  Config
	encoder *encoder
	client  *httppost.Client
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{config: c}
	var err error
	if s.encoder, err = newEncoder(c, env.Compiler); err != nil {
		return nil, err
	}
	if s.client, err = httppost.New(c.HTTP, env); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *sink) Limits() sinks.Limits { return alert.Limits() }

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if len(batch) == 0 {
		return nil
	}
	r, err := alert.One(batch)
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	var e api.V2Event
	if err := json.Unmarshal(r.Body, &e); err != nil {
		return sinks.Permanent(fmt.Errorf("send: read the record: %w", err))
	}
	e.RoutingKey = s.config.RoutingKey.Reveal()
	if err := s.send(ctx, &e); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

func (s *sink) send(ctx context.Context, e *api.V2Event) error {
	attempt := &attempt{client: s.client, key: s.config.RoutingKey}
	library := api.NewClient("", api.WithV2EventsAPIEndpoint(s.config.endpoint()))
	library.HTTPClient = attempt
	_, err := library.ManageEventWithContext(ctx, e)
	if attempt.made {
		return attempt.err // the library's has lost its verdict
	}
	return sinks.Permanent(err)
}

// attempt is the library's way to PagerDuty for one event.
type attempt struct {
	client *httppost.Client
	key    secret.String

	made bool
	err  error
}

// Do implements the library's HTTPClient.
func (a *attempt) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	a.made = true
	answer, err := a.client.Send(r.Context(), httppost.Request{
		Method: r.Method, URL: r.URL.String(), Header: header(r.Header), Body: body, Secrets: []secret.String{a.key},
	})
	if err != nil {
		a.err = judge(answer, err)
		return nil, a.err
	}
	return &http.Response{StatusCode: answer.Status, Header: answer.Header, Body: io.NopCloser(bytes.NewReader(answer.Body))}, nil
}

// header leaves the User-Agent to our own client.
func header(h http.Header) http.Header {
	h = h.Clone()
	h.Del("User-Agent")
	return h
}

// judge tells a wrong routing key from a bad event: PagerDuty answers 400 to both,
// and a typo must not bury a backlog.
func judge(answer *httppost.Answer, err error) error {
	if answer == nil || answer.Status != http.StatusBadRequest {
		return err
	}
	var refusal api.EventsAPIV2Error
	if json.Unmarshal(answer.Body, &refusal) != nil {
		return err
	}
	if slices.ContainsFunc(refusal.APIError.ErrorObject.Errors, isAboutTheKey) {
		return sinks.Stop(errors.New("answered 400 Bad Request: the routing key is not known"))
	}
	return err
}

// isAboutTheKey looks at the beginning alone: what follows may quote an event.
func isAboutTheKey(text string) bool {
	text = strings.ToLower(text)
	return strings.HasPrefix(text, "invalid routing key") || strings.HasPrefix(text, "'routing_key'")
}

func (s *sink) Close(context.Context) error {
	s.client.Close()
	return nil
}
