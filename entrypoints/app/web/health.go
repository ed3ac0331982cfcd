package web

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
)

// Health is what a Server says of the process: whether it makes progress, so
// that a restart would not help, and whether it does its part now.
type Health struct{ Live, Ready Check }

// Check is one answer and why. A reason that is not OK need not make the Check
// fail: a refused reload is worth saying, and the old configuration goes on.
type Check struct {
	OK      bool     `json:"ok"`
	Reasons []Reason `json:"reasons"`
}

// Reason is one thing that was looked at. Text is for people and holds no secret.
type Reason struct {
	Name string `json:"name"` // one lower-case word
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

// answerCheck answers 200 or 503, with the reasons.
func answerCheck(check func() Check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := check()
		status := http.StatusOK
		if !c.OK {
			status = http.StatusServiceUnavailable
		}
		if r.URL.Query().Get("output") == "json" || strings.Contains(r.Header.Get("Accept"), "application/json") {
			if c.Reasons == nil {
				c.Reasons = []Reason{} // a list, never null
			}
			writeJSON(w, status, c)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write(c.text())
	})
}

func (c Check) text() []byte {
	var b bytes.Buffer
	if c.OK {
		b.WriteString("ok\n")
	} else {
		b.WriteString("not ok\n")
	}
	for _, r := range c.Reasons {
		mark := "+"
		if !r.OK {
			mark = "-"
		}
		fmt.Fprintf(&b, "[%s] %s: %s\n", mark, r.Name, r.Text)
	}
	return b.Bytes()
}
