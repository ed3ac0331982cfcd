package soak

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTheJudgeSeesWhatIsLost: a soak is worth as much as its judge.
func TestTheJudgeSeesWhatIsLost(t *testing.T) {
	now := time.Now()
	at := func(s int) time.Time { return now.Add(time.Duration(s) * time.Second) }
	in := func(from, to int) []span { return []span{{at(from), at(to)}} }
	// Each object has version 10, and 20 if it was updated; version 30 is of another
	// one, which came a minute after 10 was over.
	alive := object{seen: map[uint64]time.Time{10: at(-300)}}
	updated := object{seen: map[uint64]time.Time{10: at(-300), 20: at(-200)}}
	deleted := object{seen: map[uint64]time.Time{10: at(-300)}, gone: at(-200), deleted: true}
	expired := object{seen: map[uint64]time.Time{10: at(-300)}, gone: at(-200)}
	for name, c := range map[string]struct {
		object                       object
		passes, gaps                 []span
		came                         []int
		lost, skipped, expired, more int
	}{
		"delivered":                      {object: alive, came: []int{10}},
		"delivered again":                {object: alive, came: []int{10, 10}, more: 1},
		"lost":                           {object: alive, lost: 1},
		"retained, windows hand it out":  {object: alive, passes: in(-150, -149), lost: 1},
		"replaced and no windows":        {object: updated, came: []int{20}, lost: 1},
		"replaced before windows":        {object: updated, came: []int{20}, passes: in(-150, -149), skipped: 1},
		"replaced after windows":         {object: updated, came: []int{20}, passes: in(-250, -249), lost: 1},
		"replaced, passed, then windows": {object: updated, came: []int{20}, passes: in(-130, -120), lost: 1},
		"newest lost beside windows":     {object: updated, came: []int{10}, passes: in(-150, -149), lost: 1},
		"deleted before windows":         {object: deleted, passes: in(-150, -149), skipped: 1},
		"deleted and no windows":         {object: deleted, lost: 1},
		"expired without a word":         {object: expired, passes: in(-150, -149), lost: 1},
		"expired in a gap":               {object: expired, passes: in(-150, -149), gaps: in(-150, -149), expired: 1},
		"expired, gap of another time":   {object: expired, passes: in(-150, -149), gaps: in(-250, -249), lost: 1},
	} {
		t.Run(name, func(t *testing.T) {
			a := newArrivals()
			for _, version := range append(c.came, 30) {
				require.NoError(t, a.take(fmt.Appendf(nil, `{"metadata":{"uid":"%s","resourceVersion":"%d"}}`, map[bool]string{true: "other", false: "one"}[version == 30], version)))
			}
			a.rises[len(a.rises)-1].at = at(-140)
			if len(a.rises) > 1 {
				a.rises[0].at = at(-140)
			}
			j := judge{
				objects: map[string]object{"one": c.object, "other": {seen: map[uint64]time.Time{30: at(-145)}}},
				upTo:    40, passes: c.passes, gaps: c.gaps, blindTo: func(uint64) bool { return false },
			}
			v := j.on(a)
			assert.Len(t, v.lost, c.lost)
			assert.Equal(t, c.skipped, v.skipped)
			assert.Equal(t, c.expired, v.expired)
			assert.Equal(t, c.more, v.again)
			assert.Empty(t, v.foreign)
		})
	}
}

// TestTheJudgeSeesWhatWasNeverWritten: an ID is a promise.
func TestTheJudgeSeesWhatWasNeverWritten(t *testing.T) {
	a := newArrivals()
	require.NoError(t, a.take([]byte(`{"metadata":{"uid":"one","resourceVersion":"10"}}
{"metadata":{"uid":"one","resourceVersion":"11"}}
{"metadata":{"uid":"ours","resourceVersion":"12"}}
{"metadata":{"uid":"two","resourceVersion":"50"}}`)))
	j := judge{
		objects: map[string]object{"one": {seen: map[uint64]time.Time{10: time.Now()}}, "ours": {marker: true, seen: map[uint64]time.Time{12: time.Now()}}},
		upTo:    100, blindTo: func(version uint64) bool { return version == 50 },
	}
	v := j.on(a)
	assert.ElementsMatch(t, []string{"one.11", "ours.12"}, v.foreign)
	assert.Equal(t, 1, v.unproven)
	assert.ErrorContains(t, v.err(), "never written but arrived")
}
