package httppost_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// On a warm connection http.Transport would repeat what says that it may be.
func TestARoundTripperRepeatsNothing(t *testing.T) {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if requests.Add(1) > 1 {
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(server.Close)
	transport, err := httppost.NewRoundTripper(httppost.Config{}, sinks.Env{})
	require.NoError(t, err)
	t.Cleanup(transport.Close)
	send := func() error {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader("x"))
		require.NoError(t, err)
		require.NotNil(t, r.GetBody)
		r.Header.Set("Idempotency-Key", "k")
		resp, err := transport.RoundTrip(r)
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		return err
	}
	require.NoError(t, send())
	require.Error(t, send())
	assert.EqualValues(t, 2, requests.Load())
}

func TestJudgeIsTheTable(t *testing.T) {
	assert.True(t, sinks.IsPermanent(httppost.Judge(io.EOF, http.StatusBadRequest, nil, time.Time{})))
	assert.True(t, sinks.IsStop(httppost.Judge(io.EOF, http.StatusForbidden, nil, time.Time{})))
	err := httppost.Judge(io.EOF, http.StatusTooManyRequests, http.Header{"Retry-After": {"3"}}, time.Time{})
	assert.Equal(t, 3*time.Second, sinks.RetryDelay(err))
}
