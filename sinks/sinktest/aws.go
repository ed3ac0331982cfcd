package sinktest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
)

// AWS says how a service of AWS speaks about batches. Requests and answers are
// those of its JSON protocol, or of its query protocol with XML answers.
type AWS struct {
	// Read takes a request apart. It also holds the request to the service's
	// documented limits, by failing the test.
	Read func(t *testing.T, body []byte) []Delivery
	// Answer is the answer that takes all of the records but refused, which it
	// refuses with code. nil: {} for a service without such a thing.
	Answer func(got []Delivery, refused []int, code, message string) any
	// Malformed, Throttled and Entry are the codes for a bad request, for too
	// much, and for a bad record of several.
	Malformed, Throttled, Entry string
	XML                         bool
}

// AWSSecrets are what AWSAccess configures.
var AWSSecrets = []string{"AKIA5CA1AB1E00000001", "5ecret-key-ba5eba11-0001"}

// AWSAccess is the configuration of the way to a service of AWS.
func AWSAccess(url string) string {
	return fmt.Sprintf("region: us-east-1\nendpoint: %s\naccessKeyID: %s\nsecretAccessKey: %s\n", url, AWSSecrets[0], AWSSecrets[1])
}

// NewAWSService is a fake of one service of AWS.
func NewAWSService(t *testing.T, a AWS) *HTTPService {
	t.Helper()
	var seen atomic.Pointer[http.Header]
	s := NewHTTPService(t, func(r *http.Request, body []byte) []Delivery {
		assert.Regexp(t, `^AWS4-HMAC-SHA256 Credential=[^/]+/\d+/[^/]+/[^/]+/aws4_request`, r.Header.Get("Authorization"))
		seen.Store(&r.Header)
		return a.Read(t, body)
	})
	s.Refuse(func(w http.ResponseWriter, answer Answer, got []Delivery) bool {
		// AWS quotes the request where its signature does not match.
		message := fmt.Sprintf("refused: %v\nThe Canonical String should have been\n%v", *seen.Load(), *seen.Load())
		switch answer.Outcome {
		case Accepted:
			a.write(w, http.StatusOK, a.accept(got, nil, "", ""))
		case Partly:
			code := a.Entry
			if answer.After > 0 { // the refused may come again
				code = a.Throttled
			}
			a.write(w, http.StatusOK, a.accept(got, answer.Refused, code, message))
		case Unavailable:
			a.fail(w, http.StatusInternalServerError, "InternalFailure", message)
		case Throttled:
			if answer.After > 0 {
				w.Header().Set("X-Amz-Retry-After", strconv.FormatInt(answer.After.Milliseconds(), 10))
			}
			a.fail(w, http.StatusBadRequest, a.Throttled, message)
		case Malformed:
			a.fail(w, http.StatusBadRequest, a.Malformed, message)
		case Forbidden:
			a.fail(w, http.StatusBadRequest, "AccessDeniedException", message)
		default:
			return false
		}
		return true
	})
	return s
}

func (a AWS) accept(got []Delivery, refused []int, code, message string) any {
	if a.Answer == nil {
		return map[string]any{}
	}
	return a.Answer(got, refused, code, message)
}

func (a AWS) fail(w http.ResponseWriter, status int, code, message string) {
	if a.XML {
		type fault struct{ Type, Code, Message string }
		a.write(w, status, struct {
			XMLName   struct{} `xml:"ErrorResponse"`
			Error     fault
			RequestId string
		}{Error: fault{"Sender", code, message}, RequestId: "r"})
		return
	}
	a.write(w, status, map[string]string{"__type": code, "message": message})
}

func (a AWS) write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("X-Amzn-Requestid", "r")
	marshal := json.Marshal
	if a.XML {
		w.Header().Set("Content-Type", "text/xml")
		marshal = xml.Marshal
	} else {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	}
	w.WriteHeader(status)
	raw, err := marshal(body)
	if err != nil {
		panic(err) // the fake's own mistake
	}
	_, _ = w.Write(raw)
}
