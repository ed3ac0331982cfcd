package gcs

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// upload is an object as it is sent: what is said of it, and its bytes.
type upload struct {
	Bucket, Name, ContentType, StorageClass, Crc32c string
	body                                            []byte
}

func readUpload(r *http.Request, body []byte) (upload, error) {
	_, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return upload{}, err
	}
	parts := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
	meta, err := parts.NextPart()
	if err != nil {
		return upload{}, err
	}
	var u upload
	if err := json.NewDecoder(meta).Decode(&u); err != nil {
		return upload{}, err
	}
	media, err := parts.NextPart()
	if err != nil {
		return upload{}, err
	}
	u.body, err = io.ReadAll(media)
	return u, err
}

// scripted is a bucket.
func scripted(t *testing.T) *sinktest.HTTPService {
	t.Helper()
	var sums sync.Map // by name: the client compares what it sent with what is there
	s := sinktest.NewHTTPService(t, func(r *http.Request, body []byte) []sinktest.Delivery {
		assert.Equal(t, "/upload/storage/v1/b/boats/o", r.URL.Path)
		u, err := readUpload(r, body)
		if !assert.NoError(t, err) {
			return nil
		}
		assert.Equal(t, "application/gzip", u.ContentType)
		assert.Equal(t, checksum(u.body), u.Crc32c, "by it the service refuses an upload that broke off")
		sums.Store(u.Name, checksum(u.body))
		return sinktest.ObjectLines(t, u.Name, u.body)
	})
	s.Refuse(func(w http.ResponseWriter, a sinktest.Answer, got []sinktest.Delivery) bool {
		if a.Outcome != sinktest.Accepted {
			return false
		}
		sum, _ := sums.Load(got[0].Key)
		_ = json.NewEncoder(w).Encode(map[string]any{"bucket": "boats", "name": got[0].Key, "generation": "1", "crc32c": sum})
		return true
	})
	return s
}

func checksum(body []byte) string {
	sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

// What arrived otherwise than it was sent is not accepted.
func TestAChecksumThatDiffersIsTransient(t *testing.T) {
	s := scripted(t)
	s.Refuse(func(w http.ResponseWriter, _ sinktest.Answer, _ []sinktest.Delivery) bool {
		_, _ = io.WriteString(w, `{"crc32c":"AAAAAA=="}`)
		return true
	})
	err := sinktest.Send(t, sinktest.MustOpen(t, Kind, configOf(s.URL)), event.Sample())
	require.ErrorContains(t, err, "checksum mismatch")
	assert.False(t, sinks.IsStop(err) || sinks.IsPermanent(err))
}

func configOf(url string) string { return "bucket: boats\nendpoint: " + url + "\n" }

func TestConformance(t *testing.T) {
	for name, more := range map[string]string{
		"default": "",
		"layout":  "prefix: k8s\npartition: none\nlayout: {text: '{{ .Message }}', reason: '{{ .Reason }}'}\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := sinktest.Harness{
				EventOfSize:   sinktest.EventOfSize,
				Golden:        "testdata/" + name,
				NoSecrets:     "the configuration names a credentials file; sinks/gcpclient tests what comes out of it",
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
		"{bucket: b/c}":                     `bucket: "b/c" has a slash in it: a folder is a prefix`,
		"{bucket: b, storageClass: FROZEN}": `storageClass: want one of STANDARD, NEARLINE, COLDLINE, ARCHIVE, got "FROZEN"`,
		"{bucket: b, partition: year}":      `partition: want hour, day or none, got "year"`,
		"{bucket: b, endpoint: h}":          "endpoint: want a URL without a path, such as https://europe-west3-pubsub.googleapis.com or http://127.0.0.1:8085",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
}

// What a bucket says is never said of a line: else a wrong setting would send a
// backlog to the dead letter.
func TestNoAnswerIsALinesFault(t *testing.T) {
	for status, stops := range map[int]bool{400: true, 401: true, 403: true, 404: true, 412: true, 413: true, 408: false, 429: false, 500: false, 503: false} {
		s := sinktest.NewHTTPService(t, func(*http.Request, []byte) []sinktest.Delivery { return nil })
		s.Refuse(func(w http.ResponseWriter, _ sinktest.Answer, _ []sinktest.Delivery) bool {
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `{"error":{"code":%d,"message":"said"}}`, status)
			return true
		})
		err := sinktest.Send(t, sinktest.MustOpen(t, Kind, configOf(s.URL)), event.Sample())
		require.EqualError(t, err, fmt.Sprintf("put object into bucket boats: answered %d %s: said", status, http.StatusText(status)))
		assert.Equal(t, stops, sinks.IsStop(err), status)
		assert.False(t, sinks.IsPermanent(err), status)
		assert.Equal(t, 1, s.Attempts(), status)
	}
}

func TestWhatIsSent(t *testing.T) {
	var seen upload
	sum := ""
	s := sinktest.NewHTTPService(t, func(r *http.Request, body []byte) []sinktest.Delivery {
		var err error
		seen, err = readUpload(r, body)
		assert.NoError(t, err)
		sum = checksum(seen.body)
		return nil
	})
	s.Refuse(func(w http.ResponseWriter, _ sinktest.Answer, _ []sinktest.Delivery) bool {
		_, _ = fmt.Fprintf(w, `{"crc32c":%q}`, sum)
		return true
	})
	ev := event.Sample()
	require.NoError(t, sinktest.Send(t, sinktest.MustOpen(t, Kind, configOf(s.URL)+"storageClass: COLDLINE\nprefix: k8s\npartition: day\n"), ev))
	assert.Regexp(t, "^k8s/date="+ev.Time().Format("2006-01-02")+"/", seen.Name)
	assert.Equal(t, "COLDLINE", seen.StorageClass)
}

func TestOpenLooksForNoCredentials(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/does/not/exist")
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	err := sinktest.Send(t, sinktest.MustOpen(t, Kind, "{bucket: b, credentials_path: /does/not/exist}"), event.Sample())
	require.EqualError(t, err, "put object: read credentials_path: open /does/not/exist: no such file or directory")
	assert.True(t, sinks.IsStop(err))
}
