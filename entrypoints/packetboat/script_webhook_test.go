package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// webhook is an HTTP service that a script has at $WEBHOOK. It appends the body
// of each request that it accepts to a file, one a line.
//
//	webhook start FILE
//	webhook answers STATUS [TOKEN]   to every request; 200 at first. With TOKEN it
//	                                 answers 401, and repeats the header, to all others
//	webhook refuses TEXT             400 to what contains it
//	webhook takes DURATION          for each answer
//	webhook holds                    requests wait for their answer
//	webhook wait N                   until N requests have come in all
//	webhook goes on                  they get their answer
func webhook(ts *testscript.TestScript, neg bool, args []string) {
	h := &worldOf(ts).hook
	switch {
	case neg || len(args) == 0:
	case args[0] == "start" && len(args) == 2:
		h.start(ts.MkAbs(args[1]))
		ts.Setenv("WEBHOOK", h.server.URL)
		return
	case args[0] == "answers" && len(args) >= 2:
		h.set(func() { h.status, h.token, h.poison = number(ts, args[1]), "", "" })
		if len(args) == 3 {
			h.set(func() { h.token = args[2] })
		}
		return
	case args[0] == "refuses" && len(args) == 2:
		h.set(func() { h.poison = args[1] })
		return
	case args[0] == "takes" && len(args) == 2:
		duration, err := time.ParseDuration(args[1])
		ts.Check(err)
		h.set(func() { h.takes = duration })
		return
	case args[0] == "holds":
		h.set(func() { h.gate = make(chan struct{}) })
		return
	case args[0] == "goes":
		h.set(h.open)
		return
	case args[0] == "wait" && len(args) == 2:
		want := number(ts, args[1])
		for began := time.Now(); h.count() < want; time.Sleep(5 * time.Millisecond) {
			if time.Since(began) > patience {
				ts.Fatalf("webhook: %d requests came, not %d", h.count(), want)
			}
		}
		return
	}
	usage(ts, "webhook start|answers|refuses|takes|holds|wait|goes ...", args)
}

type hook struct {
	server *httptest.Server
	file   string

	mu       sync.Mutex
	status   int
	token    string
	poison   string // what a body must not contain, "" for nothing
	takes    time.Duration
	gate     chan struct{} // nil: answers at once
	requests int
}

func (h *hook) start(file string) {
	h.set(func() { h.file, h.status = file, http.StatusOK })
	if h.server == nil {
		h.server = httptest.NewServer(h)
	}
}

func (h *hook) close() {
	if h.server == nil {
		return
	}
	h.set(h.open)
	h.server.Close()
}

func (h *hook) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

func (h *hook) open() {
	if h.gate != nil {
		close(h.gate)
		h.gate = nil
	}
}

func (h *hook) count() (n int) {
	h.set(func() { n = h.requests })
	return n
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender went away
	}
	var gate chan struct{}
	var takes time.Duration
	h.set(func() { h.requests++; gate, takes = h.gate, h.takes })
	time.Sleep(takes)
	if gate != nil {
		<-gate
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.token != "" && r.Header.Get("Authorization") != "Bearer "+h.token {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "you are not "+r.Header.Get("Authorization"))
		return
	}
	if h.poison != "" && bytes.Contains(body, []byte(h.poison)) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if h.status/100 == 2 {
		if err := appendTo(h.file, body); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
	}
	w.WriteHeader(h.status)
}

func appendTo(path string, line []byte) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(bytes.TrimSpace(line), '\n'))
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}
