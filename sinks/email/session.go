package email

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail/smtp"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// session is one connection that has introduced itself. It breaks when its
// context ends.
type session struct {
	ctx    context.Context
	client *smtp.Client
	config Config
}

func (s *sink) connect(ctx context.Context) (*session, error) {
	in := &session{ctx: ctx, config: s.config}
	dial := s.dialer.DialPlain
	if s.config.Encryption == implicit {
		dial = s.dialer.DialUntil
	}
	conn, err := dial(ctx, ctx, "tcp", net.JoinHostPort(s.config.Host, strconv.Itoa(s.config.port())))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", httppost.NetworkError(ctx, err))
	}
	if in.client, err = smtp.NewClient(conn, s.config.Host); err != nil {
		_ = conn.Close()
		return nil, in.judge("greeting", err, sinks.Stop)
	}
	if err := in.begin(s.dialer); err != nil {
		_ = in.client.Close()
		return nil, err
	}
	return in, nil
}

// begin introduces, encrypts and logs in. What the server says no to here, it
// says no to for every message.
func (s *session) begin(dialer *httppost.Dialer) error {
	if err := s.client.Hello(s.config.helo()); err != nil {
		return s.judge("hello", err, sinks.Stop)
	}
	if s.config.Encryption == starttls {
		if offered, _ := s.client.Extension("STARTTLS"); !offered {
			return sinks.Stop(errors.New("starttls: the server does not offer it"))
		}
		settings := dialer.TLS()
		if settings.ServerName == "" {
			settings.ServerName = s.config.Host
		}
		if err := s.client.StartTLS(settings); err != nil {
			return s.judge("starttls", err, sinks.Stop)
		}
	}
	if s.config.Username == "" {
		return nil
	}
	auth, err := s.auth()
	if err != nil {
		return sinks.Stop(fmt.Errorf("authenticate: %w", err))
	}
	if err := s.client.Auth(auth); err != nil {
		return s.judge("authenticate", err, sinks.Stop)
	}
	return nil
}

// helo is the name of this machine, since some servers refuse a localhost.
func (c Config) helo() string {
	if c.Helo != "" {
		return c.Helo
	}
	if name, err := os.Hostname(); err == nil && name != "" {
		return name
	}
	return "localhost"
}

// auth is the configured mechanism, or the best of those that are offered and
// need no more than a password.
func (s *session) auth() (smtp.Auth, error) {
	_, offer := s.client.Extension("AUTH")
	offered := strings.Fields(strings.ToLower(offer))
	chosen := s.config.Auth
	for _, m := range []mechanism{scram, plain, login, cramMD5} {
		if chosen == anyMechanism && contains(offered, m) {
			chosen = m
		}
	}
	if !contains(offered, chosen) {
		return nil, errors.New("the server offers " + strings.Join(append(offered, "no"), ", ") + " other way than what is configured")
	}
	user, password := s.config.Username, s.config.Password.Reveal()
	switch chosen {
	case plain:
		return smtp.PlainAuth("", user, password, s.config.Host, false), nil
	case login:
		return smtp.LoginAuth(user, password, s.config.Host, false), nil
	case cramMD5:
		return smtp.CRAMMD5Auth(user, password), nil
	case scram:
		return smtp.ScramSHA256Auth(user, password), nil
	}
	return smtp.XOAuth2Auth(user, password), nil
}

// deliver is one message. A recipient that is refused for good does not keep it
// from the others; one that is put off does, or it would come to them again.
func (s *session) deliver(to envelope, message []byte) error {
	s.client.SkipSMTPUTF8(isASCII(path(to.from) + strings.Join(to.recipients(), "")))
	if err := s.client.Mail(path(to.from)); err != nil {
		return s.judge("from", err, faultOf(to.fromIsOurs))
	}
	var refused error
	taken := 0
	for i, address := range to.recipients() {
		err := s.client.Rcpt(address)
		if err == nil {
			taken++
			continue
		}
		err = s.judge(fmt.Sprintf("recipient %d of %d", i+1, len(to.recipients())), err, faultOf(to.isOurs))
		if !sinks.IsPermanent(err) && !sinks.IsStop(err) {
			return err
		}
		refused = errors.Join(refused, err)
	}
	if taken == 0 {
		return s.again(refused)
	}
	if err := s.data(message); err != nil {
		return s.again(err)
	}
	if refused != nil {
		// It is with the others now, and must not come to them again.
		return sinks.Permanent(fmt.Errorf("delivered to %d of %d: %w", taken, len(to.recipients()), refused))
	}
	return nil
}

func (s *session) data(message []byte) error {
	w, err := s.client.Data()
	if err != nil {
		return s.judge("data", err, sinks.Permanent)
	}
	if _, err := w.Write(message); err != nil {
		return s.judge("data", err, sinks.Permanent)
	}
	if err := w.Close(); err != nil {
		return s.judge("message", err, sinks.Permanent)
	}
	return nil
}

// again makes the connection ready for the next message after a refusal.
func (s *session) again(err error) error {
	if sinks.IsPermanent(err) {
		_ = s.client.Reset() // if it cannot, the next command says so
	}
	return err
}

func (s *session) end() {
	if s.ctx.Err() == nil {
		_ = s.client.Quit() // every message has its answer
	}
	_ = s.client.Close()
}

func faultOf(isOurs bool) func(error) error {
	if isOurs {
		return sinks.Stop
	}
	return sinks.Permanent
}

// Answers that are about us, whatever command they are given to.
const (
	authenticationRequired = 530
	badCredentials         = 535
	encryptionRequired     = 538
)

// judge is the table of answers: 4yz is later, 5yz is never, and the step says
// whose fault that is.
func (s *session) judge(step string, err error, never func(error) error) error {
	var answer *textproto.Error
	if !errors.As(err, &answer) {
		if step == "authenticate" && !isNetwork(err) {
			return sinks.Stop(fmt.Errorf("%s: %s", step, s.clean(err.Error()))) // the mechanism itself refuses
		}
		return fmt.Errorf("%s: %w", step, httppost.NetworkError(s.ctx, err))
	}
	err = fmt.Errorf("%s: answered %d: %s", step, answer.Code, s.clean(answer.Msg))
	switch {
	case answer.Code/100 != 5:
		return err
	case answer.Code == authenticationRequired || answer.Code == badCredentials || answer.Code == encryptionRequired:
		return sinks.Stop(err)
	}
	return never(err)
}

func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// clean is what a server says, on one line and without what it must not repeat.
func (s *session) clean(text string) string {
	password := s.config.Password.Reveal()
	for _, secret := range []string{
		password, base64.StdEncoding.EncodeToString([]byte(password)),
		base64.StdEncoding.EncodeToString([]byte("\x00" + s.config.Username + "\x00" + password)),
	} {
		if password != "" {
			text = strings.ReplaceAll(text, secret, "<secret>")
		}
	}
	return httppost.Line(text)
}

func contains(offered []string, m mechanism) bool { return slices.Contains(offered, string(m)) }

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 0x7e || r < ' ' }) < 0
}
