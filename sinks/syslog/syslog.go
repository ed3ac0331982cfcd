// Package syslog sends events to a syslog server or to the machine's own syslog,
// in the format of RFC 5424 or RFC 3164.
//
// Syslog has no acknowledgement. On a stream accepted means that the server has
// read the whole batch: after the last byte we say that no more comes, and wait
// for it to end the connection (unless confirm is off). A datagram is accepted
// when it is sent, and nobody knows whether it arrives. Send makes one attempt
// and does not retry. All methods may be called concurrently.
package syslog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Kind is the syslog sink.
var Kind = sinks.NewKind("syslog", sinks.Oldest, defaults, open)

// maxDatagram is what UDP over IPv4 can carry.
const maxDatagram = 65507

type sink struct {
	config Config
	dialer *httppost.Dialer
	layout *layout
	stream *httppost.Stream
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{config: c}
	var err error
	if s.layout, err = newLayout(c, env.Compiler); err != nil {
		return nil, err
	}
	if s.dialer, err = httppost.NewDialer(c.TLS, c.Network == "tls", env); err != nil {
		return nil, err
	}
	s.stream = &httppost.Stream{Connect: s.connect, Confirm: c.Confirm && !c.isDatagram()}
	return s, nil
}

func (s *sink) connect(ctx context.Context) (net.Conn, error) {
	switch s.config.Network {
	case "":
		return s.local(ctx)
	case "tls":
		return s.dialer.Dial(ctx, "tcp", s.config.Address)
	}
	return s.dialer.Dial(ctx, s.config.Network, s.config.Address)
}

// local looks where the C library and Go's look.
func (s *sink) local(ctx context.Context) (net.Conn, error) {
	paths := []string{"/dev/log", "/var/run/syslog", "/var/run/log"}
	if s.config.Address != "" {
		paths = []string{s.config.Address}
	}
	var last error
	for _, path := range paths {
		conn, err := s.dialer.Dial(ctx, "unixgram", path)
		if err == nil {
			return conn, nil
		}
		if last == nil || !errors.Is(err, fs.ErrNotExist) {
			last = err
		}
	}
	return nil, fmt.Errorf("find the syslog of this machine: %w", last)
}

func (s *sink) Limits() sinks.Limits {
	limits := sinks.Limits{Concurrency: 1}
	if strings.HasPrefix(s.config.Network, "udp") {
		limits.RecordBytes = maxDatagram
	}
	return limits
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	body, err := s.layout.message(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: ev.ID(), Event: ev, Body: body}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if err := ctx.Err(); err != nil || len(batch) == 0 {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.config.Timeout, fmt.Errorf("not done within %s", s.config.Timeout))
	defer cancel()
	var messages [][]byte
	if s.config.isDatagram() {
		for _, r := range batch {
			if limit := s.Limits().RecordBytes; limit > 0 && len(r.Body) > limit {
				return sinks.Permanent(fmt.Errorf("send: %d bytes are more than a datagram of %d", len(r.Body), limit))
			}
			messages = append(messages, r.Body)
		}
	} else {
		var all []byte
		for _, r := range batch {
			all = append(all, s.config.frame(r.Body)...)
		}
		messages = append(messages, all)
	}
	err := s.stream.Send(ctx, messages...)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EMSGSIZE):
		return sinks.Permanent(fmt.Errorf("send: %w", err))
	case errors.Is(err, fs.ErrPermission):
		return sinks.Stop(fmt.Errorf("send: %w", err))
	}
	return fmt.Errorf("send: %w", err)
}

func (s *sink) Close(context.Context) error {
	s.stream.Close()
	return nil
}
