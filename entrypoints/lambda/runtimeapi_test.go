package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/packetboat/packetboat/entrypoints/functiontest"
)

// runtimeAPI is Lambda's Runtime API for one process, with the paths, headers,
// bodies and status codes of
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. What a runtime
// may not do is told by wrong.
type runtimeAPI struct {
	address string
	next    chan *invocation
	done    chan struct{} // closed when the test is over

	mu      sync.Mutex
	current *invocation // handed out and not answered
	count   int
	wrong   []string
}

type invocation struct {
	id       string
	payload  string
	deadline time.Time
	answer   chan functiontest.Answer
}

// maxResponse is the largest response that Lambda takes of a synchronous invocation.
const maxResponse = 6 << 20

func newRuntimeAPI(t *testing.T) *runtimeAPI {
	api := &runtimeAPI{next: make(chan *invocation), done: make(chan struct{})}
	const path = "/2018-06-01/runtime/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path+"invocation/next", api.serveNext)
	mux.HandleFunc("POST "+path+"invocation/{id}/response", api.takeResponse)
	mux.HandleFunc("POST "+path+"invocation/{id}/error", api.takeError)
	mux.HandleFunc("POST "+path+"init/error", func(w http.ResponseWriter, _ *http.Request) {
		api.fault("an init error: what is wrong is told in an invocation")
		answer(w, http.StatusAccepted, "OK", "")
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		api.fault("%s %s is not known", r.Method, r.URL.Path)
		http.NotFound(w, r)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		close(api.done)
		server.CloseClientConnections() // the process waits for the next invocation
		server.Close()
		for _, wrong := range api.wrong {
			t.Errorf("Runtime API: %s", wrong)
		}
	})
	api.address = server.Listener.Addr().String()
	return api
}

func (a *runtimeAPI) fault(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wrong = append(a.wrong, fmt.Sprintf(format, args...))
}

func (a *runtimeAPI) serveNext(w http.ResponseWriter, r *http.Request) {
	select {
	case next := <-a.next:
		a.mu.Lock()
		if a.current != nil {
			a.wrong = append(a.wrong, "next, and the last invocation is not answered")
		}
		a.current = next
		a.mu.Unlock()
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", next.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(next.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:packetboat")
		h.Set("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1")
		_, _ = io.WriteString(w, next.payload)
	case <-r.Context().Done():
	case <-a.done:
	}
}

func (a *runtimeAPI) takeResponse(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxResponse+1))
	if err != nil {
		return // it has ended
	}
	if len(body) > maxResponse {
		answer(w, http.StatusRequestEntityTooLarge, "", "RequestEntityTooLarge")
		return
	}
	a.finish(w, r, functiontest.Answer{Body: body})
}

func (a *runtimeAPI) takeError(w http.ResponseWriter, r *http.Request) {
	var said struct {
		ErrorMessage *string  `json:"errorMessage"`
		ErrorType    *string  `json:"errorType"`
		StackTrace   []string `json:"stackTrace"`
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if err := json.Unmarshal(body, &said); err != nil || said.ErrorMessage == nil || said.ErrorType == nil {
		a.fault("an error without errorMessage and errorType: %s", body)
	}
	a.finish(w, r, functiontest.Answer{Failed: true, Body: body})
}

// finish takes the answer of the invocation that is at work, and of no other.
func (a *runtimeAPI) finish(w http.ResponseWriter, r *http.Request, said functiontest.Answer) {
	a.mu.Lock()
	current := a.current
	if current == nil || current.id != r.PathValue("id") {
		a.mu.Unlock()
		a.fault("an answer to invocation %s, which is not at work", r.PathValue("id"))
		answer(w, http.StatusBadRequest, "", "InvalidRequestID")
		return
	}
	a.current = nil
	a.mu.Unlock()
	said.Late = time.Now().After(current.deadline)
	answer(w, http.StatusAccepted, "OK", "")
	current.answer <- said
}

// answer is a StatusResponse, or an ErrorResponse.
func answer(w http.ResponseWriter, code int, status, errorType string) {
	body := map[string]string{"status": status}
	if errorType != "" {
		body = map[string]string{"errorMessage": http.StatusText(code), "errorType": errorType}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}

// invoke gives the process one invocation and waits for its answer until the
// deadline, when Lambda ends the process, or until it has ended.
func (a *runtimeAPI) invoke(payload string, timeout time.Duration, ended <-chan struct{}) (functiontest.Answer, error) {
	a.mu.Lock()
	a.count++
	next := &invocation{
		id: fmt.Sprintf("8476a536-e9f4-11e8-9739-%012x", a.count), payload: payload,
		deadline: time.Now().Add(timeout), answer: make(chan functiontest.Answer, 1),
	}
	a.mu.Unlock()
	late := time.NewTimer(timeout)
	defer late.Stop()
	select {
	case a.next <- next:
	case <-late.C:
		return functiontest.Answer{}, functiontest.ErrNoAnswer
	case <-ended:
		return functiontest.Answer{}, functiontest.ErrNoAnswer
	}
	select {
	case answer := <-next.answer:
		return answer, nil
	case <-late.C:
	case <-ended:
	}
	return functiontest.Answer{}, functiontest.ErrNoAnswer
}
