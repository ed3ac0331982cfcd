package source

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a request was failing with when its caller's time was up must not be lost
// behind that end.
func TestTheCallersDeadlineHidesNoFailure(t *testing.T) {
	over, down := errors.New("time is up"), errors.New("connection refused")
	for name, test := range map[string]struct {
		request func(ctx context.Context) error
		want    error
	}{
		"failing":       {func(context.Context) error { return down }, down},
		"no answer yet": {func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }, over},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, over)
				defer cancel()
				_, err := retry(ctx, New(Options{}), "list events", func() (int, error) { return 0, test.request(ctx) })
				require.ErrorIs(t, err, test.want)
				assert.ErrorContains(t, err, "list events")
			})
		})
	}
}

// TestNoAddressInAnError: it may hold what is not for a log.
func TestNoAddressInAnError(t *testing.T) {
	down := errors.New("connection refused")
	var log strings.Builder
	s := New(Options{RetryBudget: time.Second, Log: slog.New(slog.NewTextHandler(&log, nil))})
	_, err := retry(t.Context(), s, "list events", func() (int, error) {
		return 0, &url.Error{Op: "Get", URL: "https://user:hunter2@10.0.0.1/api?token=hunter2", Err: down}
	})
	require.ErrorIs(t, err, down)
	assert.NotContains(t, err.Error()+log.String(), "hunter2")
	assert.Contains(t, log.String(), "connection refused")
}
