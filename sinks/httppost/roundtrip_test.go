package httppost

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/sinks"
)

func TestARoundTripperGivesAnswersAndVerdicts(t *testing.T) {
	for _, status := range []int{200, 204, 400, 403, 503} {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("X-Got", string(body)+r.Header.Get("X-Sent"))
			w.WriteHeader(status)
			if status != http.StatusNoContent {
				_, _ = io.WriteString(w, "answer")
			}
		})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/s3cr3t", strings.NewReader("body"))
		require.NoError(t, err)
		req.Header.Set("X-Sent", "header")
		resp, err := newClient(t, Config{}).RoundTripper(100).RoundTrip(req)
		if status/100 != 2 {
			require.Error(t, err)
			assert.Equal(t, status == 400, sinks.IsPermanent(err))
			assert.Equal(t, status == 403, sinks.IsStop(err))
			assert.NotContains(t, err.Error(), "s3cr3t")
			continue
		}
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Len(t, body, int(resp.ContentLength))
		assert.Equal(t, "bodyheader", resp.Header.Get("X-Got"))
		assert.Equal(t, status, resp.StatusCode)
	}
}

func TestALineIsShortAndPrintable(t *testing.T) {
	assert.Equal(t, "a b c", Line("a\r\nb\x1b\u202e\xff c"))
	assert.Len(t, []rune(Line(strings.Repeat("é", 1000))), excerptRunes+3)
}
