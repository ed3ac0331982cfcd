package syslog

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

func harness(format string) sinktest.Harness {
	split := lines
	if format == rfc5424 {
		split = counted
	}
	return sinktest.Harness{
		Golden: "testdata/" + format,
		Start: func(t *testing.T) sinktest.Destination {
			service := sinktest.NewStreamService(t, nil, split)
			return sinktest.Destination{Kind: Kind, Service: service, Config: "network: tcp\naddress: " + service.Addr + "\nformat: " + format}
		},
		NoRefusal:          "a syslog server answers nothing",
		NoDenial:           "a syslog server answers nothing",
		NoThrottle:         "a syslog server answers nothing",
		NoPartial:          "a syslog server answers nothing",
		NoDeduplicationKey: "the ID is in the message, as structured data",
		NoSecrets:          "the Config holds none",
		NoRecordLimit:      "a stream takes any number",
		NoByteLimit:        "a stream takes any number",
		NoRecordByteLimit:  "a server cuts what it finds too long and does not say so",
	}
}

func TestConformance(t *testing.T) {
	for _, format := range []string{rfc3164, rfc5424} {
		t.Run(format, func(t *testing.T) { sinktest.Run(t, harness(format)) })
	}
}

func TestRequestsPerThousand(t *testing.T) {
	for _, format := range []string{rfc3164, rfc5424} {
		assert.Equal(t, 1, sinktest.RequestsPerThousand(t, harness(format).Start(t)), "connections")
	}
}

func TestFaults(t *testing.T) {
	for _, format := range []string{rfc3164, rfc5424} {
		sinktest.Survive(t, harness(format))
	}
}

func lines(all []byte) [][]byte {
	return bytes.Split(bytes.TrimSuffix(all, []byte("\n")), []byte("\n"))
}

// counted takes octet counting apart (RFC 6587, 3.4.1).
func counted(all []byte) [][]byte {
	var out [][]byte
	for len(all) > 0 {
		count, rest, found := bytes.Cut(all, []byte(" "))
		n, err := strconv.Atoi(string(count))
		if !found || err != nil || n > len(rest) {
			return append(out, []byte("broken framing"))
		}
		out, all = append(out, rest[:n]), rest[n:]
	}
	return out
}

// Upstream's severity is 0 for every event: emergency.
func TestSeverityComesFromTheType_DS35(t *testing.T) {
	for format, head := range map[string]string{rfc3164: "<%>2026-01-02T03:04:05Z ", rfc5424: "<%>1 2026-01-02T03:04:05.678000Z "} {
		for kind, priority := range map[string]string{"Warning": "132", "Normal": "134", "Other": "133"} {
			s := sinktest.MustOpen(t, Kind, "format: "+format+"\nnetwork: udp\naddress: h:514")
			ev := event.Sample()
			ev.Type = kind
			ev.Series = nil
			ev.LastTimestamp.Time = time.Date(2026, 1, 2, 3, 4, 5, 678000000, time.UTC)
			body := string(sinktest.Encode(t, s, ev)[0].Body)
			want := strings.Replace(head, "%", priority, 1)
			assert.True(t, strings.HasPrefix(body, want), "want %q, got %.60q", want, body)
		}
	}
	s := sinktest.MustOpen(t, Kind, "facility: daemon")
	assert.True(t, bytes.HasPrefix(sinktest.Encode(t, s, sinktest.Events()[0].Event)[0].Body, []byte("<28>Feb 28 23:59:58 packetboat: {")))
}

// message is RFC 5424, section 6.
var message = regexp.MustCompile(`^<\d{1,3}>1 \S+ [!-~]{1,255} [!-~]{1,48} [!-~]{1,128} [!-~]{1,32} ` +
	`\[k8s@32473( [!-~]{1,32}="(?:[^"\\\]\x00-\x1f]|\\["\\\]])*")+\] \{`)

func TestHostileTextStaysInItsField_DS35(t *testing.T) {
	s := sinktest.MustOpen(t, Kind, "network: udp\naddress: h:514\nformat: rfc5424\nhostname: '{{ .Reason }}'\n"+
		"structuredData: {a: '{{ .Message }}', b: '{{ .Reason }}'}")
	for _, c := range sinktest.Events() {
		body := sinktest.Encode(t, s, c.Event)[0].Body
		assert.Regexp(t, message, string(body[:min(len(body), 400_000)]), c.Name)
		assert.NotContains(t, string(body), "\n", c.Name)
	}
}

func TestAValueIsEscaped(t *testing.T) {
	for text, want := range map[string]string{
		`a]b"c\d`: `a\]b\"c\\d`, "a\r\nb\x00\x7f": "a  b  ", "\xff世": "\ufffd世",
	} {
		assert.Equal(t, want, escape(text))
	}
}

func TestStructuredDataReplacesTheDefault(t *testing.T) {
	for config, want := range map[string]string{
		"{}":                                 ` kind="Pod" name="web-6d5f-abcde" namespace="shop" reason="BackOff"] {`,
		"structuredData: {}":                 `.101"] {`,
		"structuredData: {a: '{{ .Type }}'}": `.101" a="Warning"] {`,
	} {
		s := sinktest.MustOpen(t, Kind, "network: udp\naddress: h:514\nformat: rfc5424\n"+strings.TrimPrefix(config, "{}"))
		assert.Contains(t, string(sinktest.Encode(t, s, sinktest.Events()[0].Event)[0].Body), want, config)
	}
}

func TestALayoutIsTheMessage_DS35(t *testing.T) {
	s := sinktest.MustOpen(t, Kind, "network: udp\naddress: h:514\nlayout: {r: '{{ .Reason }}'}\ntag: boat")
	assert.True(t, bytes.HasSuffix(sinktest.Encode(t, s, event.Sample())[0].Body, []byte(` boat: {"r":"BackOff"}`)))
}

func TestDatagrams(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for network, address := range map[string]string{"udp": "127.0.0.1:0", "unixgram": path, "": path + ".local"} {
		t.Run("network "+network, func(t *testing.T) {
			listens := network
			if network == "" {
				listens = "unixgram"
			}
			conn, err := new(net.ListenConfig).ListenPacket(t.Context(), listens, address)
			require.NoError(t, err)
			defer func() { assert.NoError(t, conn.Close()) }()
			s := sinktest.MustOpen(t, Kind, "network: '"+network+"'\naddress: "+conn.LocalAddr().String())
			batch := sinktest.Encode(t, s, sinktest.Kibibyte(3)...)
			require.NoError(t, s.Send(t.Context(), batch))
			buffer := make([]byte, 1<<16)
			for _, r := range batch {
				require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
				n, _, err := conn.ReadFrom(buffer)
				require.NoError(t, err)
				assert.Equal(t, string(r.Body), string(buffer[:n]))
			}
			huge := event.Sample()
			huge.Message = strings.Repeat("x", 8<<20)
			err = s.Send(t.Context(), sinktest.Encode(t, s, huge))
			require.Error(t, err)
			assert.True(t, sinks.IsPermanent(err), "%v", err)
		})
	}
}

func TestTLSAndUnix(t *testing.T) {
	certificate := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(certificate.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate().Raw}), 0o600))
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	encrypted := sinktest.NewStreamService(t, tls.NewListener(listener, &tls.Config{Certificates: certificate.TLS.Certificates}), counted) //nolint:gosec // the client asks for more
	socket, err := new(net.ListenConfig).Listen(t.Context(), "unix", filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	local := sinktest.NewStreamService(t, socket, counted)

	for service, more := range map[*sinktest.StreamService]string{encrypted: "network: tls\ntls: {caFile: " + ca + "}", local: "network: unix"} {
		s := sinktest.MustOpen(t, Kind, "format: rfc5424\naddress: "+service.Addr+"\n"+more)
		for range 2 {
			require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, sinktest.Kibibyte(100)...)))
		}
		assert.Len(t, service.Deliveries(), 200)
	}
	strict := sinktest.MustOpen(t, Kind, "network: tls\naddress: "+encrypted.Addr)
	err = strict.Send(t.Context(), sinktest.Encode(t, strict, event.Sample()))
	require.ErrorContains(t, err, "not trusted")
	assert.True(t, sinks.IsStop(err))
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for _, tc := range []struct{ config, want string }{
		{"network: icmp", `network: want tcp, udp, tls, unix, unixgram or nothing, got "icmp"`},
		{"network: tcp\naddress: h", `address: want host:port, got "h"`},
		{"network: unix", "address: is missing"},
		{"address: h:514", `network: is missing for the address "h:514"`},
		{"structuredData: {id: x}", "line 1, column 22: structuredData: id is always there, and is the event's ID"},
		{"tls: {insecureSkipVerify: true}", "tls: is for network: tls"},
		{"format: cef", `format: want rfc3164 or rfc5424, got "cef"`},
		{"framing: nul", `framing: want octet or newline, got "nul"`},
		{"sdID: 'a b'", `structuredData: "a b" is not a name: want at most 32 printable characters without space, =, ] and quotes`},
		{"timeout: 0s", "timeout: want more than 0, got 0s"},
		{"network: tls\naddress: h:1\ntls: {certFile: x}", "tls: certFile is set without keyFile"},
	} {
		_, err := sinktest.Open(t, Kind, tc.config)
		assert.EqualError(t, err, tc.want, tc.config)
	}
	_, err := sinktest.Open(t, Kind, "facility: nobody")
	assert.ErrorContains(t, err, "facility: want one of kern, user,")
}
