package app

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/state"
)

func TestExitCodes(t *testing.T) {
	other := errors.New("something is owed")
	unreadable := fmt.Errorf("load checkpoint: %w: it is empty", state.ErrUnreadable)
	for name, test := range map[string]struct {
		err  error
		want int
	}{
		"done":                                {nil, 0},
		"a receiver failed":                   {other, 1},
		"no checkpoint yet":                   {state.ErrNotFound, 1},
		"wrong usage":                         {usage("no configuration named"), 2},
		"wrong usage, found later":            {fmt.Errorf("read events: %w", usage("no such file")), 2},
		"wrong configuration":                 {&ConfigError{[]config.Problem{{Text: "bad"}}}, 2},
		"unreadable checkpoint":               {unreadable, 2},
		"unreadable checkpoint, explained":    {explainUnreadable(unreadable), 2},
		"unreadable checkpoint among others":  {errors.Join(other, unreadable), 2},
		"behind":                              {ErrBehind, 3},
		"behind, and the Report not printed":  {errors.Join(ErrBehind, other), 3},
		"usage whose cause is a closed pipe ": {usage("read configuration: %w", other), 2},
	} {
		assert.Equal(t, test.want, ExitCode(test.err), name)
	}
}

func TestAnUnreadableCheckpointSaysHowToGoOn(t *testing.T) {
	err := explainUnreadable(fmt.Errorf("load: %w", state.ErrUnreadable))
	assert.ErrorContains(t, err, "nothing was written")
	assert.ErrorContains(t, err, "remove it, and every receiver begins at its start")
	other := errors.New("other")
	assert.Equal(t, other, explainUnreadable(other))
	assert.NoError(t, explainUnreadable(nil))
}
