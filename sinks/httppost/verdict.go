package httppost

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
)

type verdict int

const (
	accepted  verdict = iota
	transient         // again later
	permanent         // the record, or one of the batch, can never be accepted
	stop              // the receiver is wrong
)

// judge is the status table of all HTTP sinks. What is not clearly the fault of
// the record or of the configuration is transient: nothing is lost by that.
func judge(status int) verdict {
	switch status {
	case http.StatusBadRequest, // malformed for this service
		http.StatusRequestEntityTooLarge,       // the caller halves the batch to find out whose fault it is
		http.StatusRequestURITooLong,           // the endpoint was rendered from the event
		http.StatusUnprocessableEntity,         // understood and refused
		http.StatusRequestHeaderFieldsTooLarge: // headers were rendered from the event
		return permanent
	case http.StatusUnauthorized, http.StatusForbidden, // wrong or expired token
		http.StatusPaymentRequired,           // the account
		http.StatusNotFound, http.StatusGone, // wrong or removed address
		http.StatusMethodNotAllowed, http.StatusNotAcceptable, // not an address to post to
		http.StatusProxyAuthRequired,
		http.StatusLengthRequired, http.StatusExpectationFailed, http.StatusUpgradeRequired, // a proxy that we cannot talk to
		http.StatusPreconditionFailed, http.StatusPreconditionRequired, // a header of the configuration
		http.StatusUnsupportedMediaType, // the Content-Type is the same for every record
		http.StatusUnavailableForLegalReasons:
		return stop
	}
	switch status / 100 {
	case 2:
		return accepted
	case 1, 3:
		// 101, or a redirect: the address is not the one to send to. Following
		// it would lose the body or give the credentials to another host.
		return stop
	}
	return transient // 408, 409, 421, 423, 424, 425, 429, 5xx and what nobody has heard of
}

func (c *Client) statusError(req *http.Request, a *Answer, secrets []secret.String) error {
	text := fmt.Sprintf("answered %d", a.Status)
	if name := http.StatusText(a.Status); name != "" {
		text += " " + name
	}
	if a.Status/100 == 3 {
		text += " (redirects are not followed: configure the address that it leads to)"
	}
	if e := excerpt(req, a.Body, secrets...); e != "" {
		text += ": " + e
	}
	return Judge(errors.New(text), a.Status, a.Header, c.now())
}

// retryAfter reads both forms of the header, seconds and an HTTP date. It is 0
// for none, for a time that has passed and for what it cannot read.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// networkError judges an attempt without an answer. A lost reply, a refused
// connection, a timeout and an unknown host (the cluster's DNS says so of a
// Service that is being rolled out) are transient.
func networkError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("no answer: %w", context.Cause(ctx))
	}
	var verify *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &verify):
		// Trying again does not make a certificate trusted.
		return sinks.Stop(fmt.Errorf("the server's certificate is not trusted: %w", verify.Err))
	case errors.As(err, &header) && string(header.RecordHeader[:]) == "HTTP/":
		return sinks.Stop(errors.New("the server speaks http, the address says https"))
	}
	return fmt.Errorf("no answer: %w", err)
}

// proxyAnswered judges what a proxy says to CONNECT, for which http.Transport
// would make an error without a verdict.
func proxyAnswered(status int) error {
	err := fmt.Errorf("the proxy answered %d %s", status, http.StatusText(status))
	switch {
	case status/100 == 2:
		return nil
	case judge(status) == stop:
		return sinks.Stop(err)
	}
	return err
}
