package httppost

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/net/http/httpguts"
)

// ParseURL checks an address to send to. The error does not repeat it.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		// A url.Error prints the whole URL, which may hold a token.
		var parse *url.Error
		if errors.As(err, &parse) {
			err = parse.Err
		}
		// What is left may still quote a part of it, as the port does.
		return nil, fmt.Errorf("not a URL (%s)", withoutQuotes(err.Error()))
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("want a URL that begins with http:// or https://")
	}
	if u.Hostname() == "" {
		return nil, errors.New("the URL names no host")
	}
	return u, nil
}

func withoutQuotes(s string) string {
	if before, _, found := bytes.Cut([]byte(s), []byte(`"`)); found {
		return string(bytes.TrimSpace(before))
	}
	return s
}

func (c *Client) request(r Request) (*http.Request, error) {
	u, err := ParseURL(r.URL)
	if err != nil {
		return nil, err
	}
	body, err := encodeBody(r)
	if err != nil {
		return nil, err
	}
	req := &http.Request{
		Method: r.Method, URL: u, Host: u.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"User-Agent": {c.userAgent}},
		// GetBody stays nil: with it, and all the more with an Idempotency-Key,
		// http.Transport would repeat a request behind our back.
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
	if len(body) == 0 {
		req.Body = http.NoBody // else a length of 0 means an unknown one
	}
	if req.Method == "" {
		req.Method = http.MethodPost
	}
	if u.User != nil {
		password, _ := u.User.Password()
		req.SetBasicAuth(u.User.Username(), password)
	}
	if r.Username != "" || !r.Password.IsZero() {
		req.SetBasicAuth(r.Username, r.Password.Reveal())
	}
	for name, values := range r.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	if host := req.Header.Get("Host"); host != "" {
		if !httpguts.ValidHostHeader(host) {
			return nil, errors.New("the Host header is not a host name")
		}
		req.Host = host
	}
	req.Header.Del("Host")
	if r.Gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	return req, nil
}

// encodeBody always copies: http.Transport may still read a body after a
// cancelled attempt has returned.
func encodeBody(r Request) ([]byte, error) {
	if !r.Gzip {
		return bytes.Clone(r.Body), nil
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(r.Body); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return b.Bytes(), nil
}
