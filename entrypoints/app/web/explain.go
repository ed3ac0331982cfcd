package web

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"
)

const (
	maxEvent   = 1 << 20   // bytes that may be pasted; the API server takes little more
	maxPayload = 128 << 10 // bytes of one payload that are shown
	maxAnswer  = 1 << 20   // of all of them together
	maxError   = 1 << 10   // of an error's text
)

// explainer answers POST /explain: the body is an event, or ?id= names a recent
// one. It makes one explanation at a time, since that executes the receivers'
// templates, whose cost is not ours to bound.
type explainer struct {
	provider Provider
	busy     sync.Mutex
	origin   http.CrossOriginProtection
}

func (e *explainer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := e.origin.Check(r); err != nil {
		writeError(w, http.StatusForbidden, "this request comes from another site")
		return
	}
	// A page of another site cannot send this type without asking first, and we do not answer when it asks.
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		writeError(w, http.StatusUnsupportedMediaType, "want Content-Type: application/json")
		return
	}
	// Before the body is read: who sends many of them takes the memory of one.
	if !e.busy.TryLock() {
		w.Header().Set("Retry-After", "1")
		writeError(w, http.StatusTooManyRequests, "another event is being explained: try again")
		return
	}
	defer e.busy.Unlock()
	explanation, err := e.explain(w, r)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		writeError(w, http.StatusRequestEntityTooLarge, "the event is larger than 1 MiB")
	case errors.Is(err, ErrNotFound):
		writeError(w, http.StatusNotFound, ErrNotFound.Error())
	case err != nil:
		text, _ := start(err.Error(), maxError)
		writeError(w, http.StatusBadRequest, text)
	default:
		writeJSON(w, http.StatusOK, explanation)
	}
}

func (e *explainer) explain(w http.ResponseWriter, r *http.Request) (Explanation, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))
	if err != nil {
		return Explanation{}, err
	}
	var explanation Explanation
	if id := r.URL.Query().Get("id"); id != "" {
		explanation, err = e.provider.ExplainRecent(r.Context(), id)
	} else {
		explanation, err = e.provider.Explain(r.Context(), body)
	}
	if err != nil {
		return Explanation{}, err
	}
	return bound(explanation)
}

// bound puts the trace in words and cuts payloads for reading.
func bound(e Explanation) (Explanation, error) {
	var text strings.Builder
	if err := e.Trace.WriteText(&text); err != nil {
		return Explanation{}, err
	}
	e.Text = text.String()
	payloads, left := make([]Payload, 0, len(e.Payloads)), maxAnswer
	for _, p := range e.Payloads {
		p.Bytes = len(p.Body)
		p.Body, p.Cut = start(p.Body, min(maxPayload, left))
		p.Error, _ = start(p.Error, maxError)
		left -= len(p.Body)
		payloads = append(payloads, p)
	}
	e.Payloads = payloads
	return e, nil
}

// start is the beginning of a text, and whether that is not all of it.
func start(s string, most int) (string, bool) {
	if len(s) <= most {
		return s, false
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most], true
}
