package httppost

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/packetboat/packetboat/core/secret"
)

// RoundTripper is c as the transport of a client library, which then has c's TLS,
// proxy, timeout and single attempt, and of an answer at most answerBytes.
//
// Against the custom of RoundTrippers an answer that is not 2xx is an error, with
// its verdict: libraries hand an error on, and keep of an answer what they like.
// The secrets are those that the library puts into a body, as Request.Secrets.
func (c *Client) RoundTripper(answerBytes int, secrets ...secret.String) http.RoundTripper {
	return roundTripper{c, answerBytes, secrets}
}

type roundTripper struct {
	client      *Client
	answerBytes int
	secrets     []secret.String
}

func (t roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body)
		_ = req.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("read the request: %w", err)
		}
	}
	answer, err := t.client.Send(req.Context(), Request{
		Method: req.Method, URL: req.URL.String(), Header: req.Header, Body: body,
		Secrets: t.secrets, AnswerBytes: t.answerBytes,
	})
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: answer.Status, Status: fmt.Sprintf("%d %s", answer.Status, http.StatusText(answer.Status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: answer.Header, Request: req,
		Body: io.NopCloser(bytes.NewReader(answer.Body)), ContentLength: int64(len(answer.Body)),
	}, nil
}
