package sinktest

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/packetboat/packetboat/sinks"
)

// HTTPService is a Service that speaks HTTP: a real server on loopback. It
// answers by status, as most services do; one that reports failures in a 200
// sets Refuse.
type HTTPService struct {
	URL string

	read   func(r *http.Request, body []byte) []Delivery
	refuse func(w http.ResponseWriter, a Answer, got []Delivery) bool
	limits sinks.Limits
	over   chan struct{} // closed when the test is over

	mu         sync.Mutex
	script     []Answer
	attempts   int
	deliveries []Delivery
}

// NewHTTPService starts a server that takes a request apart with read.
func NewHTTPService(t *testing.T, read func(r *http.Request, body []byte) []Delivery) *HTTPService {
	t.Helper()
	s := &HTTPService{read: read, over: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := readBody(r)
		if !assert.NoError(t, err, "read the request") {
			return
		}
		s.answer(w, r, body)
	}))
	t.Cleanup(func() {
		close(s.over)
		server.CloseClientConnections()
		server.Close()
	})
	s.URL = server.URL
	return s
}

// Refuse sets how the service answers Partly, Malformed or Forbidden if not by
// status. It returns false to leave the answer to the status.
func (s *HTTPService) Refuse(f func(w http.ResponseWriter, a Answer, got []Delivery) bool) {
	s.refuse = f
}

// Limit makes the service refuse larger batches with 413.
func (s *HTTPService) Limit(l sinks.Limits) { s.limits = l }

// Script implements Service.
func (s *HTTPService) Script(answers ...Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, answers...)
}

// Attempts implements Service.
func (s *HTTPService) Attempts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempts
}

// Deliveries implements Service.
func (s *HTTPService) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deliveries)
}

func (s *HTTPService) answer(w http.ResponseWriter, r *http.Request, body []byte) {
	got := s.read(r, body)
	if tooLarge(s.limits, got) {
		refuse(w, r, http.StatusRequestEntityTooLarge)
		return
	}
	a := s.take(got)
	if s.refuse != nil && s.refuse(w, a, got) {
		return
	}
	switch a.Outcome {
	case Accepted:
		w.WriteHeader(http.StatusAccepted)
	case Unavailable:
		refuse(w, r, http.StatusServiceUnavailable)
	case Throttled:
		w.Header().Set("Retry-After", strconv.Itoa(int(a.After.Seconds())))
		refuse(w, r, http.StatusTooManyRequests)
	case Malformed, Partly:
		refuse(w, r, http.StatusBadRequest)
	case Forbidden:
		refuse(w, r, http.StatusForbidden)
	case ReplyLost:
		panic(http.ErrAbortHandler) // the connection breaks
	case Silent:
		<-s.over
	}
}

func tooLarge(l sinks.Limits, got []Delivery) bool {
	sum := 0
	for _, d := range got {
		sum += len(d.Body)
		if l.RecordBytes > 0 && len(d.Body) > l.RecordBytes {
			return true
		}
	}
	return l.Bytes > 0 && sum > l.Bytes || l.Records > 0 && len(got) > l.Records
}

// take notes an attempt and what the service holds after it.
func (s *HTTPService) take(got []Delivery) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts++
	var a Answer
	if len(s.script) > 0 {
		a, s.script = s.script[0], s.script[1:]
	}
	for i, d := range got {
		switch a.Outcome {
		case Accepted, ReplyLost:
			s.deliveries = append(s.deliveries, d)
		case Partly:
			if !slices.Contains(a.Refused, i) {
				s.deliveries = append(s.deliveries, d)
			}
		}
	}
	return a
}

// refuse answers as the most talkative service would: with the address and the
// headers of the request.
func refuse(w http.ResponseWriter, r *http.Request, status int) {
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "cannot take %s %s: %v", r.Method, r.RequestURI, r.Header)
}

func readBody(r *http.Request) ([]byte, error) {
	in := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		in = z
	}
	return io.ReadAll(in)
}
