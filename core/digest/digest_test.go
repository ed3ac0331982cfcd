package digest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/packetboat/packetboat/core/event"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func byReason() []Field {
	return []Field{
		{"namespace", func(ev *event.Event) (string, error) { return ev.Namespace, nil }},
		{"reason", func(ev *event.Event) (string, error) { return ev.Reason, nil }},
	}
}

// happened is a version of an event that was created after start, with its count.
func happened(uid, reason string, version, count int) *event.Event {
	at := metav1.NewTime(start.Add(time.Duration(version) * time.Second))
	ev := event.New(corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Name: uid, Namespace: "shop", UID: types.UID(uid), ResourceVersion: fmt.Sprint(version),
			CreationTimestamp: metav1.NewTime(start),
		},
		InvolvedObject: corev1.ObjectReference{UID: types.UID("object-of-" + uid)},
		Reason:         reason, Type: "Warning", Count: int32(count), LastTimestamp: at, //nolint:gosec // small
		FirstTimestamp: metav1.NewTime(start),
	}, "prod")
	return ev
}

func remember(t *testing.T, encoded []byte, limits Limits) *Memory {
	t.Helper()
	m, err := Remember(encoded, start, limits)
	require.NoError(t, err)
	return m
}

func add(t *testing.T, w *Window, events ...*event.Event) {
	t.Helper()
	for _, ev := range events {
		require.NoError(t, w.Add(ev))
	}
}

// An event that was updated from 5 to 9 counts 4 more, also in the next run.
func TestOnlyWhatIsNewCounts(t *testing.T) {
	m := remember(t, nil, Limits{})
	w := NewWindow(Options{By: byReason()}, m)
	add(t, w, happened("a", "BackOff", 1, 2), happened("a", "BackOff", 2, 5))
	messages, _ := w.Tell(start)
	require.Len(t, messages, 1)
	assert.EqualValues(t, 5, messages[0].Count)

	w = NewWindow(Options{By: byReason()}, remember(t, m.Encode(), Limits{}))
	add(t, w, happened("a", "BackOff", 3, 9), happened("b", "BackOff", 4, 3))
	messages, _ = w.Tell(start)
	require.Len(t, messages, 1)
	assert.EqualValues(t, 4+3, messages[0].Count)
	assert.Equal(t, 2, messages[0].Groups[0].Objects)
	assert.Equal(t, "digest-a.3", messages[0].ID)
	assert.Equal(t, "b", messages[0].Groups[0].Newest.Name)
	assert.Equal(t, start, messages[0].First, "b is new, so it began when it first happened")
	assert.Equal(t, start.Add(4*time.Second), messages[0].Last)
}

func TestAVersionThatSaysNothingNewIsNotTold(t *testing.T) {
	m := remember(t, nil, Limits{})
	m.Count(happened("a", "BackOff", 1, 5))
	w := NewWindow(Options{By: byReason()}, m)
	add(t, w, happened("a", "BackOff", 2, 5))
	messages, _ := w.Tell(start)
	assert.Empty(t, messages)
	assert.Zero(t, w.Events())
}

func TestOfAnOldEventNotMoreThanOnceIsCertain(t *testing.T) {
	old := happened("a", "BackOff", 1, 100)
	old.CreationTimestamp = metav1.NewTime(start.Add(-time.Hour))
	assert.EqualValues(t, 1, remember(t, nil, Limits{}).Count(old))
	assert.EqualValues(t, 100, remember(t, nil, Limits{}).Count(happened("b", "BackOff", 1, 100)), "created in the second where the run began")
}

func TestAnEventThatWasBegunAnewCountsInFull(t *testing.T) {
	m := remember(t, nil, Limits{})
	m.Count(happened("a", "BackOff", 1, 50))
	assert.EqualValues(t, 3, m.Count(happened("a", "BackOff", 2, 3)))
}

func TestWarningsFirstThenWhatHappenedMost(t *testing.T) {
	w := NewWindow(Options{By: byReason(), Top: 2}, remember(t, nil, Limits{}))
	normal := happened("n", "Pulled", 1, 900)
	normal.Type = "Normal"
	add(t, w, normal, happened("a", "Unhealthy", 2, 3), happened("b", "BackOff", 3, 7))
	messages, _ := w.Tell(start)
	require.Len(t, messages, 1)
	d := messages[0]
	assert.Equal(t, "BackOff", d.Groups[0].By[1].Value)
	assert.Equal(t, "Unhealthy", d.Groups[1].By[1].Value)
	assert.Equal(t, 1, d.MoreGroups)
	assert.EqualValues(t, 900, d.MoreCount)
	assert.EqualValues(t, 910, d.Count)
	assert.Equal(t, "prod", d.Cluster)
}

func TestAMessagePerGroup(t *testing.T) {
	tell := func(events ...*event.Event) (ids []string) {
		w := NewWindow(Options{By: byReason(), PerGroup: true, Top: 2}, remember(t, nil, Limits{}))
		add(t, w, events...)
		messages, _ := w.Tell(start)
		for _, m := range messages {
			ids = append(ids, m.ID)
			require.LessOrEqual(t, len(m.Groups), 1)
		}
		return ids
	}
	a, b, c := happened("a", "Unhealthy", 1, 9), happened("b", "BackOff", 2, 5), happened("c", "Failed", 3, 1)
	first := tell(a, b, c)
	require.Len(t, first, 3)
	assert.Equal(t, "digest-c.3", first[2], "and one for the rest")
	more := tell(a, b, c, happened("b", "BackOff", 4, 6))
	assert.Equal(t, first, more, "made again with more in it, each has its ID")
}

func TestAGroupThatWasToldIsNotToldAgainUnlessItIsWorse(t *testing.T) {
	m := remember(t, nil, Limits{})
	options := Options{By: byReason(), Suppress: time.Hour}
	w := NewWindow(options, m)
	mild := happened("a", "BackOff", 1, 1)
	mild.Type = "Normal"
	add(t, w, mild)
	messages, _ := w.Tell(start)
	require.Len(t, messages, 1)

	next := func(at time.Time, ev *event.Event) (told int, suppressed int, before int64) {
		m = remember(t, m.Encode(), Limits{})
		w := NewWindow(options, m)
		add(t, w, ev)
		messages, suppressed := w.Tell(at)
		for _, message := range messages {
			before = message.Groups[0].Suppressed
		}
		return len(messages), suppressed, before
	}
	again := happened("a", "BackOff", 2, 4)
	again.Type = "Normal"
	told, suppressed, _ := next(start.Add(59*time.Minute), again)
	assert.Equal(t, []int{0, 1}, []int{told, suppressed})
	told, _, before := next(start.Add(59*time.Minute), happened("a", "BackOff", 3, 5))
	assert.Equal(t, 1, told, "a warning is worse")
	assert.EqualValues(t, 3, before, "what was held back is said then")
	again = happened("a", "BackOff", 4, 6)
	again.Type = "Normal"
	told, _, _ = next(start.Add(118*time.Minute), again)
	assert.Zero(t, told)
	told, _, before = next(start.Add(119*time.Minute), happened("a", "BackOff", 5, 8))
	assert.Equal(t, 1, told, "an hour later")
	assert.EqualValues(t, 1, before)
}

// What stands only in "and 37 more" was not told.
func TestTheRestIsNotSilenced(t *testing.T) {
	m := remember(t, nil, Limits{})
	options := Options{By: byReason(), Top: 1, Suppress: time.Hour}
	w := NewWindow(options, m)
	add(t, w, happened("a", "BackOff", 1, 5), happened("b", "Failed", 2, 1))
	w.Tell(start)
	add(t, w, happened("b", "Failed", 3, 2))
	messages, suppressed := w.Tell(start)
	require.Len(t, messages, 1)
	assert.Zero(t, suppressed)
	assert.Equal(t, "Failed", messages[0].Groups[0].By[1].Value)
}

func TestKeysAreNotConfused(t *testing.T) {
	ev := happened("a", "b", 1, 1)
	key := func(values ...string) string {
		var fields []Field
		for _, v := range values {
			fields = append(fields, Field{"x", func(*event.Event) (string, error) { return v, nil }})
		}
		k, _, err := Key(fields, ev)
		require.NoError(t, err)
		return k
	}
	assert.NotEqual(t, key("a", "bc"), key("ab", "c"))
	assert.NotEqual(t, key("a\x01b", ""), key("a", "b"))
	assert.Len(t, key("a"), 32)

	_, _, err := Key([]Field{{"team", func(*event.Event) (string, error) { return "", fmt.Errorf("no such label") }}}, ev)
	assert.EqualError(t, err, "group by team: no such label")
}

func TestAFullMemoryForgetsTheOldestAndFits(t *testing.T) {
	m := remember(t, nil, Limits{Events: 300, Groups: 50, Alerts: 10, Bytes: 2048})
	for i := range 1000 {
		m.Count(happened(fmt.Sprint("event-", i), "BackOff", i, 1))
		m.Say(fmt.Sprint("group-", i), true, start)
		m.Open(strings.Repeat("x", 40)+fmt.Sprint(i), start)
	}
	assert.LessOrEqual(t, len(m.Encode()), 2048)
	assert.Positive(t, m.Forgotten())
	assert.Zero(t, m.Forgotten())

	again := remember(t, m.Encode(), Limits{Events: 300, Groups: 50, Alerts: 10, Bytes: 2048})
	assert.Equal(t, m.Encode(), again.Encode())
	assert.Zero(t, again.Count(happened("event-999", "BackOff", 5000, 1)), "the newest is known")
	assert.True(t, again.Silent("group-999", true, start.Add(time.Minute), time.Hour))
	assert.False(t, again.Silent("group-0", true, start.Add(time.Minute), time.Hour))
}

// What was forgotten counts too little, never twice.
func TestAForgottenEventDoesNotCountInFullAgain(t *testing.T) {
	m := remember(t, nil, Limits{Events: 2})
	for i, uid := range []string{"a", "b", "c"} {
		assert.EqualValues(t, 10, m.Count(happened(uid, "BackOff", i, 10)))
	}
	assert.EqualValues(t, 1, m.Count(happened("a", "BackOff", 9, 12)))
}

func TestAMemoryThatCannotBeReadBeginsAnew(t *testing.T) {
	for _, text := range []string{"nonsense", "\xa1av\x02", "\xa1\x61v\x18\x63"} {
		m, err := Remember([]byte(text), start, Limits{})
		require.Error(t, err)
		assert.EqualValues(t, 2, m.Count(happened("a", "BackOff", 1, 2)))
	}
}

func TestAlerts(t *testing.T) {
	m := remember(t, nil, Limits{})
	m.Open("old", start)
	m.Open("new", start.Add(time.Hour))
	m = remember(t, m.Encode(), Limits{})
	assert.Equal(t, map[string]time.Time{"old": start}, m.Quiet(start.Add(time.Minute)))
	m.Close("old")
	assert.Empty(t, m.Quiet(start.Add(time.Minute)))
}

// However the versions of events are cut into windows, and whichever of them are
// read, all windows together count what the last versions say.
func TestTotalsAreRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counts := map[string]int{}
		var encoded []byte
		var told int64
		version := 0
		for range rapid.IntRange(1, 6).Draw(t, "windows") {
			m, err := Remember(encoded, start, Limits{})
			require.NoError(t, err)
			w := NewWindow(Options{By: byReason()}, m)
			for range rapid.IntRange(0, 20).Draw(t, "versions") {
				version++
				uid := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "event")
				counts[uid] += rapid.IntRange(0, 9).Draw(t, "more") + map[bool]int{true: 1}[counts[uid] == 0]
				require.NoError(t, w.Add(happened(uid, "R"+uid, version, counts[uid])))
			}
			messages, _ := w.Tell(start)
			for _, message := range messages {
				told += message.Count
			}
			encoded = m.Encode()
		}
		var want int64
		for _, n := range counts {
			want += int64(n)
		}
		require.Equal(t, want, told)
	})
}
