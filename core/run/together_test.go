package run

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/packetboat/packetboat/core/source"
)

func TestTogether(t *testing.T) {
	held := "another"
	east := Report{
		EventsRead: 3, Requests: 2, BytesRead: 10, Dropped: 1, CaughtUp: true,
		Receivers: map[string]*ReceiverReport{"a": {Delivered: 2, Attempts: 1, ResourceVersion: "7"}},
	}
	west := Report{
		EventsRead: 4, Requests: 1, Gap: &source.Notice{Reason: "old"},
		Receivers: map[string]*ReceiverReport{"a": {Delivered: 1, Owed: 3, Error: "down"}, "b": {Lost: 1}},
	}
	sum := Together(map[string]Report{"east": east, "west": west, "north": {LeaseHeldBy: &held}}, 2*time.Second, errors.New("cluster west: down"))
	assert.Equal(t, Report{
		EventsRead: 7, Requests: 3, BytesRead: 10, Dropped: 1, Gap: west.Gap, DurationMs: 2000, Error: "cluster west: down",
		Receivers: map[string]*ReceiverReport{"a": {Delivered: 3, Attempts: 1, Owed: 3, Error: "down"}, "b": {Lost: 1}},
		Clusters:  map[string]Report{"east": east, "west": west, "north": {LeaseHeldBy: &held}},
	}, sum)
	assert.Equal(t, &held, Together(map[string]Report{"north": {LeaseHeldBy: &held}}, 0, nil).LeaseHeldBy)
	assert.True(t, Together(map[string]Report{"east": east}, 0, nil).CaughtUp)
}
