package run

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/packetboat/packetboat/core/deliver"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/source"
)

// fill puts pages into an inbox for as long as there is room.
func fill(page source.Page) int {
	page.Read = source.Following
	l := &lane{}
	l.reset()
	for n := 0; ; n++ {
		if !l.hasRoom(weight(page)) {
			return n
		}
		l.inbox <- deliver.Parcel{}
		l.waits = append(l.waits, weight(page))
	}
}

// TestAnInboxIsBounded by what it holds, and takes many of the small pages that
// a watch brings.
func TestAnInboxIsBounded(t *testing.T) {
	events := func(n int) []*event.Event { return make([]*event.Event, n) }
	assert.Equal(t, inboxPages, fill(source.Page{Events: events(1), Bytes: 800}), "one event each")
	assert.Equal(t, 2, fill(source.Page{Events: events(1000), Bytes: 1 << 20}))
	assert.Equal(t, 2, fill(source.Page{Events: events(1000), Bytes: 300_000}), "small events are larger when decoded")
	assert.Equal(t, 8, fill(source.Page{Events: events(1), Bytes: 256 << 10}))
	assert.Equal(t, 1, fill(source.Page{Events: events(1), Bytes: 3 << 20}), "an empty inbox takes any")
	assert.Equal(t, 2, fill(source.Page{Events: events(3)}), "of a size that is not known")
}

// TestAnInboxThatIsTakenFrom has room again.
func TestAnInboxThatIsTakenFrom(t *testing.T) {
	l := &lane{}
	l.reset()
	for range 2 {
		l.inbox <- deliver.Parcel{}
		l.waits = append(l.waits, fullPage)
	}
	assert.False(t, l.hasRoom(fullPage))
	<-l.inbox
	assert.True(t, l.hasRoom(fullPage))
	assert.False(t, l.hasRoom(fullPage+1))
}

// TestWhoIsLetGoAgainAndAgainWaitsLonger: each time costs requests, and opens the
// watch of the others again.
func TestWhoIsLetGoAgainAndAgainWaitsLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, l := &watch{}, &lane{}
		l.reset()
		idle := func() time.Duration { return time.Until(w.rest(l).idleUntil) }
		l.joinedAt = time.Now()
		for n := range 4 {
			assert.Equal(t, lookTime<<n, idle())
		}
		for range 20 {
			idle()
		}
		assert.Equal(t, mostFlap, idle())
		time.Sleep(keptUp + time.Second)
		assert.Equal(t, lookTime, idle(), "it had kept up for a while")
		assert.Empty(t, w.ready([]*lane{l}))
		time.Sleep(lookTime)
		assert.Len(t, w.ready([]*lane{l}), 1)
	})
}
