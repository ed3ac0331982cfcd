package functiontest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A fault is what goes wrong in a step.
type fault string

const (
	nothing   fault = "nothing"
	tooShort  fault = "a short timeout and a slow receiver"
	killed    fault = "killed in the invocation"
	frozen    fault = "frozen in the invocation"
	between   fault = "frozen after the invocation"
	overlap   fault = "another process is invoked meanwhile"
	refused   fault = "the receiver answers 500"
	restarted fault = "another process from now on"
)

// A step is one invocation and what goes wrong with it.
type step struct {
	fault
	before, meanwhile int           // events that are written
	timeout           time.Duration // of the invocation
	delay             time.Duration // of the receiver's answers
	after, lasts      time.Duration // when the fault comes, and how long it lasts
}

// plan draws all steps: which fault comes where does not depend on how fast the
// machine is.
func plan(r *rand.Rand, n int) []step {
	faults := []fault{nothing, nothing, nothing, tooShort, killed, frozen, between, overlap, refused, restarted}
	steps := make([]step, n)
	for i := range steps {
		s := step{
			fault: faults[r.IntN(len(faults))], before: r.IntN(8), meanwhile: r.IntN(6), timeout: enough,
			delay: ms(r, 0, 4), after: ms(r, 0, 120), lasts: ms(r, 20, 150),
		}
		switch s.fault {
		case tooShort:
			s.timeout, s.delay = ms(r, 150, 900), ms(r, 30, 250)
			s.before += 6
		case killed, frozen, overlap:
			s.delay = ms(r, 0, 40)
			s.before += 3
		case refused:
			s.before++
		}
		steps[i] = s
	}
	return steps
}

// ms draws a time from low to below high.
func ms(r *rand.Rand, low, high int) time.Duration {
	return time.Duration(low+r.IntN(high-low)) * time.Millisecond
}

// seed is FUNCTION_SEED, or a new one.
func seed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("FUNCTION_SEED")
	if text == "" {
		return rand.Uint64() //nolint:gosec // a choice of faults
	}
	given, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, "FUNCTION_SEED")
	return given
}

// invocations is how many there are: few enough for every day, 100 with LIVE,
// 500 with LIVE=all.
func invocations() int {
	switch os.Getenv("LIVE") {
	case "":
		return 40
	case "all":
		return 500
	}
	return 100
}
