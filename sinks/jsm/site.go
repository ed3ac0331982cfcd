package jsm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/alert"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// site sends as an account of a site, by the REST API.
type site struct {
	http   *httppost.Client
	config Config
	alerts string
}

func (s *site) Send(ctx context.Context, batch []sinks.Record) error {
	r, err := alert.One(batch)
	if err != nil {
		return err
	}
	if r.Event != nil {
		_, err := s.do(ctx, http.MethodPost, s.alerts, r.Body)
		return err
	}
	var end alert.Ending
	if err := json.Unmarshal(r.Body, &end); err != nil {
		return sinks.Permanent(fmt.Errorf("read the end of an alert: %w", err))
	}
	return s.end(ctx, end)
}

// end asks for the alert first: this API knows alerts by their ID alone.
func (s *site) end(ctx context.Context, end alert.Ending) error {
	answer, err := s.do(ctx, http.MethodGet, s.alerts+"/alias?alias="+url.QueryEscape(end.Alias), nil)
	if answer != nil && answer.Status == http.StatusNotFound {
		return nil // it knows aliases of open alerts: somebody has closed this one
	}
	if err != nil {
		return fmt.Errorf("look the alert up: %w", err)
	}
	var found struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(answer.Body, &found); err != nil || found.ID == "" {
		return errors.New("look the alert up: the answer names no alert")
	}
	raw, err := json.Marshal(end.Ended)
	if err != nil {
		return sinks.Permanent(err)
	}
	_, err = s.do(ctx, http.MethodPost, s.alerts+"/"+url.PathEscape(found.ID)+"/close", raw)
	return err
}

// answerBytes is more than an alert with all that it may hold.
const answerBytes = 1 << 20

func (s *site) do(ctx context.Context, method, address string, raw []byte) (*httppost.Answer, error) {
	r := httppost.Request{
		Method: method, URL: address, Body: raw, Username: s.config.Email, Password: s.config.APIToken,
		Header: http.Header{"Accept": {"application/json"}},
	}
	if method == http.MethodGet {
		r.AnswerBytes = answerBytes
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := s.http.Send(ctx, r)
	return answer, alert.Throttled(answer, err)
}

func (s *site) Close() { s.http.Close() }
