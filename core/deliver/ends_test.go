package deliver

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A service that was failing when time was up is told of, beside the end itself.
func TestTheEndOfItsTimeHidesNoFailure(t *testing.T) {
	over := errors.New("time is up")
	for name, test := range map[string]struct {
		answer  func(context.Context) error
		failing bool
	}{
		"waiting to try again":          {func(context.Context) error { return errDown }, true},
		"hung in its first attempt":     {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, false},
		"hung after a failed attempt":   {failThenHang(), true},
		"fails at the very last moment": {func(ctx context.Context) error { <-ctx.Done(); return errDown }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, over)
				defer cancel()
				s := &fakeSink{answer: func(int, []string) error { return test.answer(ctx) }}
				out := deliverWith(ctx, t, Options{Sink: s, Timeout: time.Hour, Retry: Retry{Budget: time.Hour}},
					func() error { return nil }, parcel(1, 1))
				require.ErrorIs(t, out.err, over)
				assert.Equal(t, test.failing, errors.Is(out.err, errDown), out.err)
				assert.Empty(t, out.cursors)
			})
		})
	}
}

func failThenHang() func(context.Context) error {
	failed := false
	return func(ctx context.Context) error {
		if !failed {
			failed = true
			return errDown
		}
		<-ctx.Done()
		return ctx.Err()
	}
}
