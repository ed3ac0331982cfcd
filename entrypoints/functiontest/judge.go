package functiontest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/run"
	"github.com/packetboat/packetboat/entrypoints/proving"
	"github.com/packetboat/packetboat/state"
)

// judge looks at what came to the receiver after each step, and compares it with
// what the Reports say and with what was written.
type judge struct {
	hook     *Hook
	looked   int    // arrivals
	passed   string // everything up to this version was said to be settled
	dead     map[string]bool
	came     map[string]int  // arrivals by ID
	acked    map[string]bool // by ID
	reported int64           // delivered, by all Reports
	ackedN   int             // acknowledgements
	unsaid   int             // of these, to invocations that did not answer, or that were cut short
	faults   map[fault]int
}

func newJudge(h *Hook) *judge {
	return &judge{hook: h, dead: map[string]bool{}, came: map[string]int{}, acked: map[string]bool{}, faults: map[fault]int{}}
}

// afterStep is called when all of the step's invocations are over and nothing is
// being written.
func (j *judge) afterStep(t *testing.T, s step, calls []call, w *writer) {
	t.Helper()
	j.faults[s.fault]++
	arrivals := j.hook.since(j.looked)
	j.looked += len(arrivals)
	acked := map[string]int{}
	for _, a := range arrivals {
		j.came[a.id()]++
		if a.acknowledged {
			acked[a.process]++
			j.acked[a.id()] = true
			j.ackedN++
		}
		if j.passed != "" && !j.dead[a.process] {
			assert.True(t, run.Newer(a.version, j.passed), "%s came again, although a Report had said that it is settled", a.id())
		}
	}
	for _, c := range calls {
		j.call(t, s, c, int64(acked[c.name]))
		if !c.answered {
			j.dead[c.name] = true
		}
	}
	for _, c := range calls {
		if hook := c.report.Receivers["hook"]; c.answered && hook != nil {
			j.cursor(t, hook.ResourceVersion, w)
		}
	}
}

// call compares one Report with what the receiver saw.
func (j *judge) call(t *testing.T, s step, c call, acked int64) {
	t.Helper()
	hook := c.report.Receivers["hook"]
	if !c.answered || hook == nil {
		j.unsaid += int(acked)
		assert.True(t, !c.answered || c.report.LeaseHeldBy != nil || !c.report.CaughtUp, "a Report without its receiver")
		return
	}
	j.reported += hook.Delivered
	j.unsaid += int(acked - hook.Delivered)
	r := c.report
	assert.Equal(t, c.answer.Failed, r.Error != "", "an answer is an error if the Report has one: %s", c.answer.Body)
	assert.LessOrEqual(t, hook.Delivered, acked, "more is said to be delivered than was acknowledged")
	assert.LessOrEqual(t, hook.Delivered, hook.Attempts)
	switch {
	case r.CaughtUp:
		assert.Equal(t, acked, hook.Delivered)
		assert.Zero(t, hook.Owed)
	case r.LeaseHeldBy != nil:
		assert.Equal(t, overlap, s.fault, "held by %s", *r.LeaseHeldBy)
		assert.Zero(t, acked)
	case r.Error == "":
		assert.Equal(t, tooShort, s.fault, "it had the time to catch up: %+v", r)
		assert.LessOrEqual(t, acked-hook.Delivered, int64(2), "those on their way when it stopped")
	}
	if r.Error != "" {
		assert.Equal(t, refused, s.fault, "an error: %s", r.Error)
		assert.Positive(t, hook.Owed)
		assert.Zero(t, hook.Delivered)
	}
}

// cursor is the invariant: what the checkpoint has passed has been acknowledged.
func (j *judge) cursor(t *testing.T, version string, w *writer) {
	t.Helper()
	if version == "" || version == "0" {
		return
	}
	var lost []string
	for _, id := range w.owed(version) {
		if !j.acked[id] {
			lost = append(lost, id)
		}
	}
	require.NoError(t, proving.Mistake("passed by the checkpoint and not acknowledged", lost))
	if run.Newer(version, j.passed) {
		j.passed = version
	}
}

// cursors does the same with the checkpoint as a killed process left it.
func (j *judge) cursors(t *testing.T, clusters []map[string]state.Cursor, w *writer) {
	t.Helper()
	for _, receivers := range clusters {
		j.cursor(t, receivers["hook"].ResourceVersion, w)
	}
}

// atTheEnd is called when a run has caught up with all that was written.
func (j *judge) atTheEnd(t *testing.T, w *writer) {
	t.Helper()
	for _, a := range j.hook.since(j.looked) {
		j.came[a.id()]++
		if a.acknowledged {
			j.acked[a.id()] = true
		}
	}
	var lost, foreign []string
	for _, id := range w.owed("") {
		if !j.acked[id] {
			lost = append(lost, id)
		}
	}
	again := 0
	for id, n := range j.came {
		again += n - 1
		if !w.wrote(id) {
			foreign = append(foreign, id)
		}
	}
	require.NoError(t, proving.Mistake("lost", lost))
	require.NoError(t, proving.Mistake("never written but arrived", foreign))
	assert.EqualValues(t, j.ackedN, j.reported+int64(j.unsaid), "what the Reports say adds up")
	t.Logf("%d events, %d versions arrived, %d of them again; delivered by the Reports %d, and %d in invocations that could not say it; %d without an answer; faults: %v",
		len(w.latest), len(j.came), again, j.reported, j.unsaid, len(j.dead), j.faults)
}

// lastReport is the Report of the last run in a log, which the platform's name
// for the message does not matter to.
func lastReport(t *testing.T, log string) (r run.Report) {
	t.Helper()
	var line struct{ Report *run.Report }
	lines := strings.Split(strings.TrimSpace(log), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if err := json.Unmarshal([]byte(lines[i]), &line); err == nil && line.Report != nil {
			return *line.Report
		}
	}
	assert.Fail(t, "no Report in the log", log)
	return r
}
