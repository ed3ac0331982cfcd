package email

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const password = "pa55word-f00dcafe"

func harness(more string) sinktest.Harness {
	return sinktest.Harness{
		Secrets: []string{password},
		Start: func(t *testing.T) sinktest.Destination {
			f := startFake(t)
			return sinktest.Destination{Kind: Kind, Service: f, Config: config(f, more)}
		},
		NoThrottle:         "SMTP has no word for when to come back",
		NoDeduplicationKey: "the Message-ID stands in the body: see TestTheMessageIDIsOfTheEvent",
		NoByteLimit:        "a connection may carry any number of bytes",
		NoRecordByteLimit:  "every server has its own, and says so when it is asked",
	}
}

func config(f *fake, more string) string {
	return fmt.Sprintf("host: %s\nport: %s\nusername: boat\npassword: %s\nfrom: packetboat <boat@example.com>\n", f.host, f.port, password) +
		with(more, "encryption", "none") + with(more, "to", "[ops@example.com]") + more
}

// with is a setting that more does not have.
func with(more, key, value string) string {
	if strings.Contains("\n"+more, "\n"+key+":") {
		return ""
	}
	return key + ": " + value + "\n"
}

func TestConformance(t *testing.T) {
	t.Run("default", func(t *testing.T) { sinktest.Run(t, harness("")) })
	t.Run("own", func(t *testing.T) {
		h := harness("auth: login\ntext: \"{{ .Message }}\\n.\\n..dots\"\nsubject: 'É {{ .Reason }}'\nthread: object\n" +
			"cc: ['{{ with .InvolvedObject.Labels.app }}{{ . }}@example.com{{ end }}']\nreplyTo: [Grüße <ops@example.com>]\nbatch: {size: 7}\n")
		h.Golden = "testdata/own"
		sinktest.Run(t, h)
	})
}

func TestFaults(t *testing.T) {
	h := harness("batch: {size: 100}")
	h.NoLostReply = "see TestACutConnectionRepeatsOneMessage"
	sinktest.Survive(t, h)
}

// Of a batch whose connection broke, what was acknowledged does not come again;
// the one that may have arrived does, under the same Message-ID.
func TestACutConnectionRepeatsOneMessage(t *testing.T) {
	n := 0
	f := startFake(t, func(_ *smtp.Server, f *fake) {
		f.Script(sinktest.Answer{}, sinktest.Answer{Outcome: sinktest.ReplyLost})
	})
	f.refuse = func(command, _ string) error {
		if command == "data" {
			n++
		}
		if n == 6 && command == "data" {
			return &smtp.SMTPError{Code: 421, Message: "too busy"}
		}
		return nil
	}
	stats := sinktest.Deliver(t, Kind, config(f, "batch: {size: 10}"), sinktest.Kibibyte(20))
	assert.EqualValues(t, 20, stats.Delivered)
	got := f.Deliveries()
	require.Len(t, got, 21)
	assert.Equal(t, got[5], got[6])
	keys := map[string]bool{}
	for _, d := range got {
		keys[d.Key] = true
	}
	assert.Len(t, keys, 20)
}

func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 20, sinktest.RequestsPerThousand(t, harness("").Start(t)), "connections, each with 50 messages")
}

func send(t *testing.T, config string, events ...*event.Event) error {
	t.Helper()
	return sinktest.Send(t, sinktest.MustOpen(t, Kind, config), events...)
}

func verdict(err error) string {
	switch {
	case err == nil:
		return "taken"
	case sinks.IsStop(err):
		return "stop"
	case sinks.IsPermanent(err):
		return "never"
	}
	return "later"
}

// An answer means what the step makes of it.
func TestVerdicts(t *testing.T) {
	const templated = "to: ['{{ .Reason }}@example.com']\n"
	for _, tc := range []struct {
		command string
		code    int
		more    string
		want    string
	}{
		{"mail", 451, "", "later"},
		{"mail", 550, "", "stop"},
		{"mail", 530, "", "stop"},
		{"rcpt", 450, templated, "later"},
		{"rcpt", 550, templated, "never"},
		{"rcpt", 530, templated, "stop"},
		{"rcpt", 550, "", "stop"},
		{"data", 452, "", "later"},
		{"data", 552, "", "never"},
		{"data", 535, "", "stop"},
	} {
		f := startFake(t)
		f.refuse = func(command, _ string) error {
			if command == tc.command {
				return &smtp.SMTPError{Code: tc.code, Message: "no"}
			}
			return nil
		}
		err := send(t, config(f, tc.more), event.Sample())
		assert.Equal(t, tc.want, verdict(err), "%s %d %s: %v", tc.command, tc.code, tc.more, err)
		assert.ErrorContains(t, err, fmt.Sprintf("answered %d", tc.code))
	}
}

func TestVerdictsBeforeTheFirstMessage(t *testing.T) {
	for name, tc := range map[string]struct {
		says []string
		more string
		want string
	}{
		"too busy":               {[]string{"421 too many connections"}, "", "later"},
		"no mail here":           {[]string{"554 no SMTP service here"}, "", "stop"},
		"silence and an end":     {nil, "", "later"},
		"ends in the greeting":   {[]string{"220 hello"}, "", "later"},
		"no name for us":         {[]string{"220 hello", "550 who?", "550 who?"}, "", "stop"},
		"no encryption":          {[]string{"220 hello", "250-x\r\n250 AUTH PLAIN"}, "encryption: starttls\n", "stop"},
		"encryption later":       {[]string{"220 hello", "250-x\r\n250 STARTTLS", "454 not now"}, "encryption: starttls\n", "later"},
		"no authentication":      {[]string{"220 hello", "250 x"}, "", "stop"},
		"another authentication": {[]string{"220 hello", "250-x\r\n250 AUTH GSSAPI"}, "", "stop"},
		"authentication later":   {[]string{"220 hello", "250-x\r\n250 AUTH PLAIN", "454 temporary failure", "221 bye"}, "", "later"},
		"ends at the password":   {[]string{"220 hello", "250-x\r\n250 AUTH PLAIN"}, "auth: plain\n", "later"},
	} {
		f := &fake{host: "127.0.0.1", port: talker(t, tc.says...)}
		err := send(t, config(f, tc.more), event.Sample())
		assert.Equal(t, tc.want, verdict(err), "%s: %v", name, err)
		assert.NotContains(t, err.Error(), password)
	}
}

func TestXOAuth2(t *testing.T) {
	f := startFake(t)
	require.NoError(t, send(t, config(f, "auth: xoauth2"), event.Sample()))
	require.Len(t, f.Deliveries(), 1)
}

// One recipient who does not exist does not keep the message from the others, and
// it does not come to them again.
func TestARefusedRecipientIsSaid(t *testing.T) {
	f := startFake(t)
	f.refuse = func(command, to string) error {
		if command == "rcpt" && to == "gone@example.com" {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "user unknown"}
		}
		return nil
	}
	err := send(t, config(f, "to: [a@example.com, gone@example.com]\ncc: [b@example.com]\n"), event.Sample())
	assert.Equal(t, "never", verdict(err))
	assert.EqualError(t, err, "send: delivered to 2 of 3: recipient 2 of 3: answered 550: 5.1.1 user unknown")
	envelopes, _ := f.letters()
	assert.Equal(t, []string{"boat@example.com > a@example.com b@example.com"}, envelopes)
}

// After a message that nobody takes the next one goes its way.
func TestARefusalIsOfOneMessage(t *testing.T) {
	f := startFake(t)
	refused := false
	f.refuse = func(command, _ string) error {
		if command == "rcpt" && !refused {
			refused = true
			return &smtp.SMTPError{Code: 550, Message: "no"}
		}
		return nil
	}
	err := send(t, config(f, "to: ['a@{{ .Namespace }}.example.com']"), event.Sample(), event.Sample())
	var partial *sinks.PartialError
	require.ErrorAs(t, err, &partial)
	assert.Len(t, partial.Refused, 1)
	assert.Equal(t, "never", verdict(partial.Refused[0]))
	assert.Len(t, f.Deliveries(), 1)
}

func TestARecipientWhoIsPutOffIsNotOvertaken(t *testing.T) {
	f := startFake(t)
	f.refuse = func(command, to string) error {
		if command == "rcpt" && to == "slow@example.com" {
			return &smtp.SMTPError{Code: 450, Message: "greylisted"}
		}
		return nil
	}
	err := send(t, config(f, "to: [a@example.com, slow@example.com]\n"), event.Sample(), event.Sample())
	assert.Equal(t, "later", verdict(err))
	assert.Empty(t, f.Deliveries(), "or it would come to the first one again")
}

func TestConfigErrors(t *testing.T) {
	const base = "host: localhost\nfrom: a@b.c\nto: [d@e.f]\n"
	for more, want := range map[string]string{
		"host: ''":                 "host: is missing",
		"host: smtp://x":           "host: want a name or an IP address, and the port in port",
		"port: 70000":              "port: want 1 to 65535, got 70000",
		"from: ''":                 "from: is missing",
		"to: []":                   "to: is missing",
		"timeout: 0s":              "timeout: want more than 0, got 0s",
		"batch: {size: 0}":         "batch.size: want at least 1, got 0",
		"thread: pod":              `thread: want object, got "pod"`,
		"encryption: ssl":          `encryption: want starttls, tls or none, got "ssl"`,
		"auth: ntlm":               `auth: want auto, plain, login, cram-md5, scram-sha-256 or xoauth2, got "ntlm"`,
		"username: a":              "username and password: one is set without the other",
		"to: [nobody]":             "line 4, column 6: to: want an address, such as name@example.com",
		"from: a@b.c, d@e.f":       "line 4, column 7: from: want one address, got 2",
		"domains: [b.c]":           "line 3, column 6: to: the address is in none of the domains",
		"subject: '{{ .reason }}'": "subject: line 4, column 14: template: field .reason does not exist: did you mean .Reason?",
		"tls: {certFile: x}":       "tls: certFile is set without keyFile",
		"host: h\nencryption: none\nusername: a\npassword: b": "encryption: none would show the password to everybody on the way; want starttls or tls",
	} {
		key, _, _ := strings.Cut(more, ":")
		var lines []string
		for line := range strings.Lines(base) {
			if !strings.HasPrefix(line, key+":") {
				lines = append(lines, line)
			} else {
				lines = append(lines, "#\n")
			}
		}
		_, err := sinktest.Open(t, Kind, strings.Join(lines, "")+more)
		assert.EqualError(t, err, want, more)
	}
	for encryption, want := range map[string]int{"starttls": 587, "tls": 465, "none": 25} {
		var c Config
		require.NoError(t, yaml.Unmarshal([]byte("encryption: "+encryption), &c))
		assert.Equal(t, want, c.port())
	}
}
