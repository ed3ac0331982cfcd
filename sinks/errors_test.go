package sinks_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/packetboat/packetboat/sinks"
)

func TestVerdicts(t *testing.T) {
	cause := errors.New("cause")
	for name, tc := range map[string]struct {
		err             error
		permanent, stop bool
		delay           time.Duration
	}{
		"nil":                  {nil, false, false, 0},
		"plain is transient":   {cause, false, false, 0},
		"end of a context":     {context.Canceled, false, false, 0},
		"permanent":            {sinks.Permanent(cause), true, false, 0},
		"stop":                 {sinks.Stop(cause), false, true, 0},
		"retry after":          {sinks.RetryAfter(cause, time.Minute), false, false, time.Minute},
		"wrapped":              {fmt.Errorf("send: %w", sinks.Permanent(cause)), true, false, 0},
		"wrapped twice":        {fmt.Errorf("a: %w", fmt.Errorf("b: %w", sinks.Stop(cause))), false, true, 0},
		"the outer one counts": {sinks.Stop(fmt.Errorf("all: %w", sinks.Permanent(cause))), false, true, 0},
		"joined":               {errors.Join(errors.New("other"), sinks.RetryAfter(cause, time.Second)), false, false, time.Second},
		"partial is no verdict of the batch": {
			&sinks.PartialError{Refused: map[int]error{0: sinks.Permanent(cause)}}, false, false, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tc.permanent, sinks.IsPermanent(tc.err))
			assert.Equal(t, tc.stop, sinks.IsStop(tc.err))
			assert.Equal(t, tc.delay, sinks.RetryDelay(tc.err))
		})
	}
}

func TestAVerdictKeepsTheErrorAndItsText(t *testing.T) {
	cause := errors.New("cause")
	for _, err := range []error{sinks.Permanent(cause), sinks.Stop(cause), sinks.RetryAfter(cause, time.Second)} {
		assert.ErrorIs(t, err, cause)
		assert.EqualError(t, err, "cause")
	}
	assert.NoError(t, sinks.Permanent(nil))
	assert.NoError(t, sinks.Stop(nil))
	assert.NoError(t, sinks.RetryAfter(nil, time.Second))
}

func TestPartialErrorCounts(t *testing.T) {
	assert.EqualError(t, &sinks.PartialError{Unknown: 3}, "3 of the batch refused")
	err := &sinks.PartialError{Refused: map[int]error{7: errors.New("too old")}, Unknown: 2}
	assert.EqualError(t, err, "3 of the batch refused, the first of them: too old")
}
