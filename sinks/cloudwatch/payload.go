package cloudwatch

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/packetboat/packetboat/sinks"
)

const (
	maxStreamName = 512
	day           = 24 * time.Hour
)

// streamName is a text as CloudWatch takes it for a stream.
func streamName(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == ':' || r == '*' || r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > maxStreamName {
		text = string(runes[:maxStreamName])
	}
	return text
}

// key is what events must share to share a request: the stream, and the day in
// UTC, because a request may not span more than 24 hours.
func key(stream string, at time.Time) string {
	return strconv.FormatInt(at.UnixMilli()/day.Milliseconds(), 10) + ":" + stream
}

// streamOf is the stream out of a key: no name holds a colon.
func streamOf(key string) string {
	_, stream, _ := strings.Cut(key, ":")
	return stream
}

// inOrder is a batch as CloudWatch wants it, by time, with each record's place
// in the batch. An event without a time, which no API server makes, happened now.
func inOrder(batch []sinks.Record, now time.Time) (events []types.InputLogEvent, places []int) {
	type line struct {
		place int
		at    int64
	}
	lines := make([]line, len(batch))
	for i, r := range batch {
		at := r.Event.Time()
		if at.IsZero() {
			at = now
		}
		lines[i] = line{i, at.UnixMilli()}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	for _, l := range lines {
		message := string(batch[l.place].Body)
		events = append(events, types.InputLogEvent{Message: &message, Timestamp: &l.at})
		places = append(places, l.place)
	}
	return events, places
}
