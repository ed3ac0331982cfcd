package logstash

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const (
	password = "pa55word-f00dcafe"
	pathKey  = "path-key-0ddba11"
)

// overHTTP is an http input, with its default codec for application/json.
func overHTTP() sinktest.Harness {
	return sinktest.Harness{
		Secrets: []string{password, pathKey},
		Start: func(t *testing.T) sinktest.Destination {
			service := sinktest.NewHTTPService(t, func(r *http.Request, body []byte) []sinktest.Delivery {
				user, word, _ := r.BasicAuth()
				assert.Equal(t, []string{"boat", password, "application/json"}, []string{user, word, r.Header.Get("Content-Type")})
				var events []json.RawMessage
				assert.NoError(t, json.Unmarshal(body, &events))
				var got []sinktest.Delivery
				for _, ev := range events {
					got = append(got, sinktest.Delivery{Body: ev})
				}
				return got
			})
			return sinktest.Destination{
				Kind: Kind, Service: service,
				Config: "url: " + service.URL + "/" + pathKey + "\nusername: boat\npassword: " + password + "\ngzip: true",
			}
		},
		NoPartial:          "an input takes or refuses a request as a whole",
		NoDeduplicationKey: "the ID is in the event, as [@metadata][id]",
		NoRecordLimit:      "only bytes count",
		NoByteLimit:        "an input takes 100 MiB, more than the program ever sends at one time",
		NoRecordByteLimit:  "an input takes 100 MiB, more than an event has",
	}
}

// overTCP is a tcp input with codec json_lines.
func overTCP() sinktest.Harness {
	return sinktest.Harness{
		Start: func(t *testing.T) sinktest.Destination {
			service := sinktest.NewStreamService(t, nil, readLines)
			return sinktest.Destination{Kind: Kind, Service: service, Config: "url: tcp://" + service.Addr}
		},
		NoRefusal:          "a tcp input answers nothing",
		NoDenial:           "a tcp input answers nothing",
		NoThrottle:         "a tcp input answers nothing",
		NoPartial:          "a tcp input answers nothing",
		NoDeduplicationKey: "the ID is in the event, as [@metadata][id]",
		NoSecrets:          "there is none without http",
		NoRecordLimit:      "a stream takes any number",
		NoByteLimit:        "a stream takes any number",
		NoRecordByteLimit:  "the codec makes something else of what it finds too long, and does not say so",
	}
}

func readLines(all []byte) [][]byte {
	return bytes.Split(bytes.TrimSuffix(all, []byte("\n")), []byte("\n"))
}

func each(t *testing.T, test func(t *testing.T, h sinktest.Harness)) {
	t.Helper()
	t.Run("http", func(t *testing.T) { test(t, overHTTP()) })
	t.Run("tcp", func(t *testing.T) { test(t, overTCP()) })
}

func TestConformance(t *testing.T) {
	each(t, func(t *testing.T, h sinktest.Harness) { sinktest.Run(t, h) })
}

func TestFaults(t *testing.T) { each(t, sinktest.Survive) }

func TestRequestsPerThousand(t *testing.T) {
	each(t, func(t *testing.T, h sinktest.Harness) {
		assert.Equal(t, 1, sinktest.RequestsPerThousand(t, h.Start(t)))
	})
}

// In order, whole, with the time and the ID where Logstash looks for them.
func TestWhatArrives(t *testing.T) {
	t.Log("peer: a server of the test; Logstash does not take part: no registry has it")
	each(t, func(t *testing.T, h sinktest.Harness) {
		events := sinktest.Kibibyte(500)
		d := h.Start(t)
		require.EqualValues(t, len(events), sinktest.Deliver(t, d.Kind, d.Config, events).Delivered)
		got := d.Service.Deliveries()
		require.Len(t, got, len(events))
		for i, ev := range events {
			head := `{"@timestamp":"` + ev.Time().Format("2006-01-02T15:04:05.999999999Z") + `","@metadata":{"id":"` + ev.ID() + `"},`
			require.Equal(t, head+string(ev.ToJSON()[1:]), string(got[i].Body))
		}
	})
}

func TestACutConnectionIsRepeatedWhole(t *testing.T) {
	service := sinktest.NewStreamService(t, nil, readLines)
	cutter := sinktest.NewCutter(t, service.Addr)
	cutter.Request(300_000)
	events := sinktest.Kibibyte(1000)
	require.EqualValues(t, len(events), sinktest.Deliver(t, Kind, "url: tcp://"+cutter.Addr, events).Delivered)
	times, torn := map[string]int{}, 0
	for _, body := range sinktest.Bodies(service) {
		var got struct {
			Metadata struct{ ID string } `json:"@metadata"`
		}
		if json.Unmarshal([]byte(body), &got) != nil {
			torn++
			continue
		}
		times[got.Metadata.ID]++
	}
	assert.LessOrEqual(t, torn, 1, "where it was cut")
	for _, ev := range events {
		require.Positive(t, times[ev.ID()])
	}
	assert.Len(t, times, len(events), "a repetition has the same ID")
}

func TestALayoutKeepsItsOwnTimeAndMetadata(t *testing.T) {
	const address = "url: tcp://h:1\n"
	const at, id = `"@timestamp":"2026-01-02T03:04:05.678Z"`, `"@metadata":{"id":"u.7"}`
	for layout, want := range map[string]string{
		"layout: {}":                                 "{" + at + "," + id + "}",
		"layout: {r: '{{ .Reason }}'}":               "{" + at + "," + id + `,"r":"BackOff"}`,
		"layout: {'@timestamp': x, '@metadata': {}}": `{"@metadata":{},"@timestamp":"x"}`,
	} {
		ev := event.Sample()
		ev.UID, ev.ResourceVersion, ev.Series = "u", "7", nil
		require.NoError(t, ev.LastTimestamp.UnmarshalQueryParameter("2026-01-02T03:04:05.678Z"))
		assert.Equal(t, want, string(sinktest.Encode(t, sinktest.MustOpen(t, Kind, address+layout), ev)[0].Body), layout)
	}
}

func TestTLS(t *testing.T) {
	certificate := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(certificate.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate().Raw})
	require.NoError(t, os.WriteFile(ca, block, 0o600))
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	settings := &tls.Config{Certificates: certificate.TLS.Certificates} //nolint:gosec // the client asks for more
	service := sinktest.NewStreamService(t, tls.NewListener(listener, settings), readLines)

	trusting := sinktest.MustOpen(t, Kind, "url: tls://"+service.Addr+"\ntls: {caFile: "+ca+"}")
	for range 2 {
		require.NoError(t, trusting.Send(t.Context(), sinktest.Encode(t, trusting, event.Sample())))
	}
	assert.Len(t, service.Deliveries(), 2)
	strict := sinktest.MustOpen(t, Kind, "url: tls://"+service.Addr)
	err = strict.Send(t.Context(), sinktest.Encode(t, strict, event.Sample()))
	require.ErrorContains(t, err, "not trusted")
	assert.True(t, sinks.IsStop(err))
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	const scheme, http = "url: want tcp://, tls://, http:// or https://", "username, password, gzip and proxy are for an http input"
	for config, want := range map[string]string{
		"{}":                                         scheme,
		"url: h:5000":                                scheme,
		"url: udp://h:5000":                          scheme,
		"url: 'http://h:t0ken/'":                     "url: not a URL",
		"url: http:///x":                             "url: the URL names no host",
		"url: tcp://h":                               "url: want a host and a port after tcp://",
		"url: tls://:5000":                           "url: want a host and a port after tls://",
		"url: tcp://u:t0ken@h:5000":                  "url: a tcp input knows no user, path or query",
		"url: tcp://h:5000/x":                        "url: a tcp input knows no user, path or query",
		"url: tcp://h:5000\nusername: u":             http,
		"url: tls://h:5000\ngzip: true":              http,
		"url: tcp://h:5000\ntls: {caFile: x}":        "tls: tcp:// is not encrypted",
		"url: http://h:5000\ntls: {caFile: x}":       "tls: http:// is not encrypted",
		"url: tls://h:5000\ntls: {certFile: x}":      "tls: certFile is set without keyFile",
		"url: tcp://h:5000\ntimeout: 0s":             "timeout: want more than 0, got 0s",
		"url: tcp://h:5000\nlayout: ['{{ .Name }}']": "line 2, column 9: layout: want a mapping: Logstash takes nothing else as an event",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
}
