package sinktest

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func errorsHoldNoSecret(t *testing.T, s *subject) {
	require.NotEmpty(t, s.Secrets, "the Harness names the secrets of its Config, or says why there are none")

	var printed []string
	for _, answer := range s.failures() {
		s.Script(answer)
		err := s.sink.Send(t.Context(), s.batch(t, 1, "secret"))
		require.Error(t, err, answer.Outcome)
		printed = append(printed, err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err))
	}
	if s.NoCancel == "" {
		s.Script(Answer{Outcome: Silent})
		ctx, cancel := context.WithCancel(t.Context())
		before := s.Attempts()
		done := s.sendLater(ctx, s.batch(t, 1, "secret"))
		s.waitForAttempts(t, before+1)
		cancel()
		printed = append(printed, within(t, "Send after its context ended", done).Error())
	}
	record := s.batch(t, 1, "secret")[0]
	printed = append(printed, record.ID, record.Key)

	printed = append(printed, fmt.Sprintf("%v %+v", s.config, s.config), s.log.String())

	for _, secret := range s.Secrets {
		for _, text := range printed {
			assert.NotContains(t, text, secret)
		}
	}
}
