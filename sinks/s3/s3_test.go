package s3

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const (
	accessKey = "AKIA0000000000000001"
	secretKey = "secret-key-5ca1ab1e"
)

// scripted is a bucket.
func scripted(t *testing.T) *sinktest.HTTPService {
	t.Helper()
	s := sinktest.NewHTTPService(t, func(r *http.Request, body []byte) []sinktest.Delivery {
		assert.Equal(t, http.MethodPut, r.Method)
		assert.Equal(t, "application/gzip", r.Header.Get("Content-Type"))
		return sinktest.ObjectLines(t, r.URL.Path, body)
	})
	s.Refuse(func(w http.ResponseWriter, a sinktest.Answer, _ []sinktest.Delivery) bool {
		status, code := 0, ""
		switch a.Outcome {
		case sinktest.Accepted:
			w.Header().Set("ETag", `"e"`)
			return true
		case sinktest.Unavailable:
			status, code = http.StatusInternalServerError, "InternalError"
		case sinktest.Throttled:
			status, code = http.StatusServiceUnavailable, "SlowDown"
		case sinktest.Forbidden:
			status, code = http.StatusForbidden, "InvalidAccessKeyId"
		default:
			return false
		}
		w.Header().Set("X-Amz-Retry-After", fmt.Sprint(a.After.Milliseconds()))
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>said of %s</Message><AWSAccessKeyId>%s</AWSAccessKeyId></Error>", code, accessKey, accessKey)
		return true
	})
	return s
}

func configOf(url string) string {
	return "bucket: boats\npathStyle: true\nregion: us-east-1\nendpoint: " + url + "\naccessKeyID: " + accessKey + "\nsecretAccessKey: " + secretKey + "\n"
}

func TestConformance(t *testing.T) {
	for name, more := range map[string]string{
		"default": "",
		"layout":  "prefix: k8s\npartition: none\nlayout: {text: '{{ .Message }}', reason: '{{ .Reason }}'}\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := sinktest.Harness{
				EventOfSize:   sinktest.EventOfSize,
				Golden:        "testdata/" + name,
				Secrets:       []string{accessKey, secretKey},
				NoRefusal:     "a bucket takes any bytes: what it calls bad are the settings",
				NoPartial:     "an object is stored as a whole or not at all",
				NoRecordLimit: "an object takes any number of lines",
				Start: func(t *testing.T) sinktest.Destination {
					s := scripted(t)
					return sinktest.Destination{Kind: Kind, Service: s, Config: configOf(s.URL) + more}
				},
			}
			if name == "layout" {
				h.NoByteLimit = "it is the one without a layout, which is slow to fill: see there"
				h.NoRecordByteLimit = h.NoByteLimit
			}
			sinktest.Run(t, h)
		})
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		"{}":                                "bucket: is missing",
		"{bucket: b, storageClass: FROZEN}": `storageClass: "FROZEN" is none of`,
		"{bucket: b, sse: {type: rot13}}":   `sse.type: want AES256, aws:kms or aws:kms:dsse, got "rot13"`,
		"{bucket: b, sse: {kmsKeyID: k}}":   "sse.kmsKeyID: needs sse.type aws:kms or aws:kms:dsse",
		"{bucket: b, partition: year}":      `partition: want hour, day or none, got "year"`,
		"{bucket: b, accessKeyID: x}":       "accessKeyID and secretAccessKey belong together",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.ErrorContains(t, err, want, config)
	}
}

// What a bucket says is never said of a line: else a wrong setting would send a
// backlog to the dead letter.
func TestNoAnswerIsALinesFault(t *testing.T) {
	for code, test := range map[string]struct {
		status int
		stops  bool
	}{
		"NoSuchBucket": {404, true}, "InvalidRequest": {400, true}, "KeyTooLongError": {400, true}, "InvalidArgument": {400, true},
		"EntityTooLarge": {400, true}, "PermanentRedirect": {301, true}, "AccessDenied": {403, true}, "ExpiredToken": {400, true},
		"OperationAborted": {409, false}, "RequestTimeout": {400, false}, "InternalError": {500, false}, "SlowDown": {503, false},
	} {
		s := sinktest.NewHTTPService(t, func(*http.Request, []byte) []sinktest.Delivery { return nil })
		s.Refuse(func(w http.ResponseWriter, _ sinktest.Answer, _ []sinktest.Delivery) bool {
			w.WriteHeader(test.status)
			_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>m</Message></Error>", code)
			return true
		})
		err := sinktest.Send(t, sinktest.MustOpen(t, Kind, configOf(s.URL)), event.Sample())
		require.ErrorContains(t, err, "put object into bucket boats: "+code)
		assert.Equal(t, test.stops, sinks.IsStop(err), code)
		assert.False(t, sinks.IsPermanent(err), code)
		assert.Equal(t, 1, s.Attempts(), code)
	}
}

func TestWhatIsSent(t *testing.T) {
	var seen *http.Request
	s := sinktest.NewHTTPService(t, func(r *http.Request, body []byte) []sinktest.Delivery {
		seen = r
		return sinktest.ObjectLines(t, r.URL.Path, body)
	})
	sink := sinktest.MustOpen(t, Kind, configOf(s.URL)+"storageClass: GLACIER_IR\nsse: {type: 'aws:kms', kmsKeyID: alias/boats}\nprefix: k8s\n")
	ev := event.Sample()
	require.NoError(t, sinktest.Send(t, sink, ev))
	assert.True(t, strings.HasPrefix(seen.URL.Path, "/boats/k8s/date="+ev.Time().Format("2006-01-02")+"/hour="), seen.URL.Path)
	assert.Equal(t, "GLACIER_IR", seen.Header.Get("X-Amz-Storage-Class"))
	assert.Equal(t, "aws:kms", seen.Header.Get("X-Amz-Server-Side-Encryption"))
	assert.Equal(t, "alias/boats", seen.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"))
	assert.Empty(t, seen.Header.Get("Content-Encoding"), "it is a file with a name, not a body that is unpacked on the way")
	for name := range seen.Header {
		assert.NotContains(t, name, "Checksum", "services other than AWS refuse it")
	}
}
