package email

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/mail"
	"slices"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/sinks/sinktest"
)

// fake is a mail server: go-smtp's, with answers by script. An attempt is a
// connection.
type fake struct {
	host, port string
	// refuse answers commands out of order, by the text of mail, rcpt or data.
	refuse func(command, argument string) error
	// implicit encrypts from the first byte.
	implicit bool

	over chan struct{}

	mu         sync.Mutex
	script     []sinktest.Answer
	attempts   int
	deliveries []sinktest.Delivery
	envelopes  []string
}

func startFake(t *testing.T, change ...func(s *smtp.Server, f *fake)) *fake {
	t.Helper()
	f := &fake{over: make(chan struct{}), refuse: func(string, string) error { return nil }}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return f.begin(c), nil }))
	server.Domain, server.AllowInsecureAuth, server.MaxMessageBytes = "mail.example.com", true, 10_240_000
	server.ErrorLog = silence{}
	for _, f2 := range change {
		f2(server, f)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f.host, f.port, _ = net.SplitHostPort(listener.Addr().String())
	if f.implicit {
		listener = tls.NewListener(listener, server.TLSConfig)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		close(f.over)
		_ = listener.Close() // the server does not know it before it serves
		_ = server.Close()
		<-done
	})
	return f
}

type silence struct{}

func (silence) Printf(string, ...any) {}
func (silence) Println(...any)        {}

func (f *fake) begin(c *smtp.Conn) *conversation {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &conversation{fake: f, conn: c}
}

// Script implements sinktest.Service.
func (f *fake) Script(answers ...sinktest.Answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = append(f.script, answers...)
}

// Attempts implements sinktest.Service.
func (f *fake) Attempts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.attempts
}

// Deliveries implements sinktest.Service.
func (f *fake) Deliveries() []sinktest.Delivery {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.deliveries)
}

func (f *fake) letters() (envelopes, bodies []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range f.deliveries {
		bodies = append(bodies, string(d.Body))
	}
	return slices.Clone(f.envelopes), bodies
}

// conversation is one connection. It takes its answer from the script when it is
// asked for something for the first time.
type conversation struct {
	fake     *fake
	conn     *smtp.Conn
	answer   *sinktest.Answer
	message  int
	envelope string
}

func (c *conversation) outcome() sinktest.Answer {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	if c.answer == nil {
		c.answer = &sinktest.Answer{}
		c.fake.attempts++
		if len(c.fake.script) > 0 {
			*c.answer, c.fake.script = c.fake.script[0], c.fake.script[1:]
		}
	}
	return *c.answer
}

func (c *conversation) AuthMechanisms() []string { return []string{sasl.Plain, sasl.Login, "XOAUTH2"} }

func (c *conversation) Auth(mechanism string) (sasl.Server, error) {
	check := func(user, secret string) error {
		if c.outcome().Outcome == sinktest.Forbidden || user != "boat" || secret != password {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no such user " + user + " with " + secret}
		}
		return nil
	}
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, user, secret string) error { return check(user, secret) }), nil
	case sasl.Login:
		return &loginServer{check: check}, nil
	}
	return xoauth2Server(func(response []byte) error {
		if !bytes.Equal(response, []byte("user=boat\x01auth=Bearer "+password+"\x01\x01")) {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

// xoauth2Server takes the one answer of Google's mechanism.
type xoauth2Server func(response []byte) error

func (f xoauth2Server) Next(response []byte) ([]byte, bool, error) { return nil, true, f(response) }

type loginServer struct {
	check func(user, secret string) error
	step  int
	user  string
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	l.step++
	switch l.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.user = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.user, string(response))
}

func (c *conversation) Mail(from string, _ *smtp.MailOptions) error {
	if c.envelope != "" {
		return &smtp.SMTPError{Code: 503, Message: "one message at a time"}
	}
	c.envelope = from + " >"
	if c.outcome().Outcome == sinktest.Unavailable {
		return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "closing down, " + password}
	}
	return c.fake.refuse("mail", from)
}

func (c *conversation) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := c.fake.refuse("rcpt", to); err != nil {
		return err
	}
	c.envelope += " " + to
	return nil
}

var errBroken = errors.New("the connection is broken")

func (c *conversation) Data(r io.Reader) error {
	a := c.outcome()
	body, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	i := c.message
	c.message++
	switch {
	case a.Outcome == sinktest.Silent:
		<-c.fake.over
		return errBroken
	case a.Outcome == sinktest.Malformed || a.Outcome == sinktest.Partly && slices.Contains(a.Refused, i):
		if a.After > 0 {
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "try again later"}
		}
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "will not take it, " + password}
	}
	if err := c.fake.refuse("data", string(body)); err != nil {
		return err
	}
	c.keep(body)
	if a.Outcome == sinktest.ReplyLost {
		_ = c.conn.Conn().Close()
		return errBroken
	}
	return nil
}

func (c *conversation) keep(body []byte) {
	key := ""
	if m, err := mail.ReadMessage(bytes.NewReader(body)); err == nil {
		key = m.Header.Get("Message-ID")
	}
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	c.fake.deliveries = append(c.fake.deliveries, sinktest.Delivery{Key: key, Body: body})
	c.fake.envelopes = append(c.fake.envelopes, c.envelope)
}

func (c *conversation) Reset()        { c.envelope = "" }
func (c *conversation) Logout() error { return nil }

// talker is a server that says these lines, one for each that it reads, the first
// unasked; then it hangs up.
func talker(t *testing.T, says ...string) (port string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
				defer func() { _ = conn.Close() }()
				buffer := make([]byte, 64<<10)
				for _, line := range says {
					if _, err := io.WriteString(conn, line+"\r\n"); err != nil {
						return
					}
					if _, err := conn.Read(buffer); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		stop()
		assert.NoError(t, listener.Close())
		all.Wait()
	})
	_, port, err = net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return port
}
