package awsclient

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// inGroups sends records such as a1, in group a, to a service that answers by
// the records of a request. It returns the requests.
func inGroups(t *testing.T, records string, answer func(request string) error) ([]string, error) {
	t.Helper()
	var batch []sinks.Record
	for id := range strings.FieldsSeq(records) {
		ev := event.Sample()
		ev.Reason = id[:1]
		batch = append(batch, sinks.Record{ID: id, Event: ev})
	}
	var requests []string
	group := func(ev *event.Event) (string, error) { return ev.Reason, nil }
	err := InGroups(batch, group, func(part []sinks.Record) error {
		var ids []string
		for _, r := range part {
			ids = append(ids, r.ID)
		}
		requests = append(requests, strings.Join(ids, " "))
		return answer(requests[len(requests)-1])
	})
	return requests, err
}

func TestNoRequestHoldsTwoRecordsOfAGroup(t *testing.T) {
	ok := func(string) error { return nil }
	for records, want := range map[string][]string{
		"":                  nil,
		"a1 b1 c1":          {"a1 b1 c1"},
		"a1 a2 b1 a3 c1 b2": {"a1 b1 c1", "a2 b2", "a3"},
	} {
		requests, err := inGroups(t, records, ok)
		require.NoError(t, err)
		assert.Equal(t, want, requests)
	}
}

func TestWhatFollowsARefusedRecordWaitsWithIt(t *testing.T) {
	busy, bad := io.ErrUnexpectedEOF, sinks.Permanent(errors.New("bad"))
	requests, err := inGroups(t, "a1 b1 c1 a2 b2 c2 b3", func(request string) error {
		if request == "a1 b1 c1" {
			return &sinks.PartialError{Refused: map[int]error{0: bad, 1: busy}}
		}
		return nil
	})
	assert.Equal(t, []string{"a1 b1 c1", "a2 c2"}, requests, "after a1, which can never be taken, a2 is next")
	var partial *sinks.PartialError
	require.ErrorAs(t, err, &partial)
	assert.Equal(t, map[int]error{0: bad, 1: busy, 4: errWaits, 6: errWaits}, partial.Refused)
}

func TestARequestThatFailsEndsTheSend(t *testing.T) {
	bad := sinks.Permanent(errors.New("bad"))
	requests, err := inGroups(t, "a1 b1 a2", func(string) error { return bad })
	assert.Equal(t, bad, err, "the batch, of which nothing was taken, is cut")
	assert.Len(t, requests, 1)

	for reason, stops := range map[error]bool{bad: false, sinks.Stop(io.EOF): true, io.EOF: false} {
		requests, err = inGroups(t, "a1 b1 a2 b2 a3", func(request string) error {
			if request == "a1 b1" {
				return nil
			}
			return reason
		})
		assert.Equal(t, []string{"a1 b1", "a2 b2"}, requests)
		var partial *sinks.PartialError
		require.ErrorAs(t, err, &partial)
		require.Len(t, partial.Refused, 3)
		for _, place := range []int{2, 3, 4} {
			assert.ErrorContains(t, partial.Refused[place], reason.Error())
			assert.Equal(t, stops, sinks.IsStop(partial.Refused[place]))
			assert.False(t, sinks.IsPermanent(partial.Refused[place]), "nobody knows yet whose fault it is")
		}
	}
}
