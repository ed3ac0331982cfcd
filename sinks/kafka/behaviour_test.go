package kafka

import (
	"context"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

func other() *event.Event {
	ev := event.Sample()
	ev.ResourceVersion, ev.Message = "99", "another one"
	return ev
}

// A number that an unanswered batch may have used is never given to another
// one: the broker would say that it has it, and it would be lost.
func TestAnotherBatchAfterALostAnswerIsNotTakenForIt(t *testing.T) {
	f := startFake(t, 1)
	s := mustOpen(t, config(f, ""))
	f.Script(sinktest.Answer{Outcome: sinktest.ReplyLost})
	require.Error(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, other())))
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
	got := read(t, f.ListenAddrs(), topic, 3)
	assert.Contains(t, string(got[1].Value), "another one")
}

func TestTheSameBatchAfterALostAnswerIsStoredOnce_DS17(t *testing.T) {
	f := startFake(t, 1)
	s := mustOpen(t, config(f, ""))
	for range 3 {
		f.Script(sinktest.Answer{Outcome: sinktest.ReplyLost})
	}
	batch := sinktest.Encode(t, s, event.Sample(), other())
	for range 3 {
		require.Error(t, s.Send(t.Context(), batch))
	}
	require.NoError(t, s.Send(t.Context(), batch))
	read(t, f.ListenAddrs(), topic, 2)
}

// The most common lost answer is one that does not come in time: what gave it up
// lost its connections, not its numbers.
func TestTheSameBatchAfterAnAnswerThatDidNotComeInTimeIsStoredOnce_DS17(t *testing.T) {
	f := startFake(t, 1)
	s := mustOpen(t, config(f, ""))
	batch := sinktest.Encode(t, s, event.Sample(), other())
	ctx, cancel := context.WithCancel(t.Context())
	f.beforeAnswer = cancel
	f.Script(sinktest.Answer{Outcome: sinktest.ReplyLost})
	require.Error(t, s.Send(ctx, batch))
	require.Error(t, ctx.Err())
	require.NoError(t, s.Send(t.Context(), batch))
	read(t, f.ListenAddrs(), topic, 2)
}

// A cluster before 2.8 may refuse the producer ID to who may write.
func TestWithoutTheRightToBeIdempotentItIsNot(t *testing.T) {
	f := startFake(t, 1)
	f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, TopLevel: true, Err: kerr.ClusterAuthorizationFailed, Count: -1})
	s := mustOpen(t, config(f, ""))
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, other())))
	read(t, f.ListenAddrs(), topic, 2)
}

func TestALostProducerIDIsReplaced(t *testing.T) {
	f := startFake(t, 1)
	s := mustOpen(t, config(f, ""))
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
	f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.OutOfOrderSequenceNumber})
	asked := f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, TopLevel: true, Observe: true, Count: -1})
	err := s.Send(t.Context(), sinktest.Encode(t, s, other()))
	require.Error(t, err)
	require.False(t, sinks.IsPermanent(err) || sinks.IsStop(err))
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, other())))
	read(t, f.ListenAddrs(), topic, 2)
	assert.Equal(t, 1, asked.Hits())
}

// A broker remembers the last batches only: of an older one it says just that it has it.
func TestABatchThatTheBrokerHasIsAccepted(t *testing.T) {
	f := startFake(t, 1)
	s := mustOpen(t, config(f, ""))
	f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.DuplicateSequenceNumber})
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
}

// Limits count bodies: what keys and headers make too large is cut before it is sent.
func TestKeysAndHeadersCountToo(t *testing.T) {
	f := startFake(t, 1)
	s := mustOpen(t, config(f, "maxMessageBytes: 16384\nlayout: {}\nheaders: {pad: '{{ repeat 2000 \"x\" }}'}"))
	batch := sinktest.Encode(t, s, sinktest.Kibibyte(8)...)
	require.True(t, sinks.IsPermanent(s.Send(t.Context(), batch)))
	assert.Zero(t, f.Attempts())
	require.NoError(t, s.Send(t.Context(), batch[:4]))
}

func TestTopicKeyAndHeadersAreTemplates_DS17(t *testing.T) {
	f := startFake(t, 1)
	require.NoError(t, f.CreateTopic("events-default", 4, nil))
	s := mustOpen(t, strings.Replace(config(f, "key: '{{ .InvolvedObject.UID }}'\nheaders: {reason: '{{ .Reason }}', n: 7}"),
		"topic: "+topic, "topic: 'events-{{ .Namespace }}'", 1))
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
	got := read(t, f.ListenAddrs(), "events-default", 1)[0]
	assert.Equal(t, string(event.Sample().InvolvedObject.UID), string(got.Key))
	assert.Equal(t, map[string]string{"reason": event.Sample().Reason, "n": "7", idHeader: event.Sample().ID()}, headersOf(got))

	hostile := event.Sample()
	hostile.Namespace = "a/b"
	_, err := s.Encode(hostile)
	require.ErrorContains(t, err, `line 1, column 8: topic, as rendered for this event: "events-a/b"`)
}

func TestAMissingTopic(t *testing.T) {
	t.Run("of the configuration stops the receiver", func(t *testing.T) {
		f := startFake(t, 1)
		s := mustOpen(t, strings.Replace(config(f, "autoCreateTopic: false"), topic, "typo", 1))
		err := s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))
		require.ErrorContains(t, err, "topic typo: it does not exist")
		assert.True(t, sinks.IsStop(err))
	})
	t.Run("is waited for while brokers may create it", func(t *testing.T) {
		f := startFake(t, 1)
		now := sinktest.Now
		env := sinktest.Env(io.Discard)
		env.Now = func() time.Time { return now }
		s := mustOpenIn(t, env, strings.Replace(config(f, ""), topic, "slow", 1))
		for range 10 { // an Apache Kafka was seen to deny it twice, and then to name no leader
			err := s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))
			require.ErrorContains(t, err, "topic slow: it does not exist")
			require.False(t, sinks.IsStop(err) || sinks.IsPermanent(err))
		}
		now = now.Add(creating)
		assert.True(t, sinks.IsStop(s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))))
		require.NoError(t, f.CreateTopic("slow", 1, nil))
		require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
	})
	t.Run("is created", func(t *testing.T) {
		f := startFake(t, 1, kfake.AllowAutoTopicCreation())
		stats := sinktest.Deliver(t, Kind, strings.Replace(config(f, ""), topic, "new", 1), []*event.Event{event.Sample()})
		require.EqualValues(t, 1, stats.Delivered)
		read(t, f.ListenAddrs(), "new", 1)
	})
	t.Run("of the event's choice is the event's fault", func(t *testing.T) {
		f := startFake(t, 1)
		s := mustOpen(t, strings.Replace(config(f, "autoCreateTopic: false"), topic, "'x-{{ .Namespace }}'", 1))
		err := s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))
		assert.True(t, sinks.IsPermanent(err) && !sinks.IsStop(err), "%v", err)
	})
}

// Upstream does not start without its brokers.
func TestBrokersThatAreDownAreAskedLater_DS20(t *testing.T) {
	s := mustOpen(t, "topic: a\nbrokers: ['127.0.0.1:1', '127.0.0.1:2']")
	err := s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))
	require.ErrorContains(t, err, "connection refused")
	assert.False(t, sinks.IsStop(err) || sinks.IsPermanent(err))
}

func TestOpenConnectsToNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := mustOpen(t, "topic: a\nbrokers: ['"+l.Addr().String()+"']\nsasl: {enable: true, mechanism: aws-msk-iam}")
	sinktest.Encode(t, s, event.Sample())
	require.NoError(t, l.(*net.TCPListener).SetDeadline(time.Now()))
	_, err = l.Accept()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, l.Close())
}
