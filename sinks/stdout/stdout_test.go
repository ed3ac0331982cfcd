package stdout

import (
	"bytes"
	"context"
	"io"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Harness{
		Start: func(t *testing.T) sinktest.Destination {
			o := &output{over: make(chan struct{})}
			t.Cleanup(func() { close(o.over) })
			return sinktest.Destination{Kind: kind(func() io.Writer { return o }), Service: o}
		},
		NoRefusal:          "an output takes any bytes",
		NoThrottle:         "an output does not say when to come back",
		NoPartial:          "a batch is one write",
		NoLostReply:        "a write returns in the same process",
		NoDeduplicationKey: "a line has no key beside itself",
		NoSecrets:          "the Config holds none",
		NoRecordLimit:      "an output has no limits",
		NoByteLimit:        "an output has no limits",
		NoRecordByteLimit:  "an output has no limits",
	})
}

// output is a standard output whose reader does as the script says.
type output struct {
	over chan struct{}

	mu       sync.Mutex
	script   []sinktest.Answer
	attempts int
	content  bytes.Buffer
}

func (o *output) Script(answers ...sinktest.Answer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.script = append(o.script, answers...)
}

func (o *output) Attempts() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.attempts
}

func (o *output) Deliveries() []sinktest.Delivery {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []sinktest.Delivery
	for line := range bytes.Lines(bytes.Clone(o.content.Bytes())) {
		all = append(all, sinktest.Delivery{Body: line})
	}
	return all
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.attempts++
	var a sinktest.Answer
	if len(o.script) > 0 {
		a, o.script = o.script[0], o.script[1:]
	}
	switch a.Outcome {
	case sinktest.Unavailable:
		n, _ := o.content.Write(b[:len(b)/2])
		return n, syscall.EAGAIN
	case sinktest.Forbidden:
		return 0, syscall.EPIPE
	case sinktest.Silent:
		o.mu.Unlock()
		<-o.over
		o.mu.Lock()
	}
	return o.content.Write(b)
}

func open(t *testing.T, w io.Writer, config string) sinks.Sink {
	t.Helper()
	k := kind(func() io.Writer { return w })
	c := k.NewConfig()
	require.NoError(t, yaml.Unmarshal([]byte(config), c))
	s, err := k.Open(t.Context(), c, sinktest.Env(io.Discard))
	require.NoError(t, err)
	return s
}

func encode(t *testing.T, s sinks.Sink, ev *event.Event) sinks.Record {
	t.Helper()
	r, err := s.Encode(ev)
	require.NoError(t, err)
	return r
}

func TestABatchIsOneWriteOfWholeLines_DS34(t *testing.T) {
	o := &output{}
	s := open(t, o, "{layout: {message: '{{ .Message }}'}}")
	ev := event.Sample()
	ev.Message = "two\nlines"
	require.NoError(t, s.Send(t.Context(), []sinks.Record{encode(t, s, ev), encode(t, s, ev)}))
	assert.Equal(t, 1, o.Attempts())
	assert.Equal(t, `{"message":"two\nlines"}`+"\n"+`{"message":"two\nlines"}`+"\n", o.content.String())
}

func TestATornLineIsEndedBeforeTheNext(t *testing.T) {
	o := &output{}
	s := open(t, o, "{layout: [a]}")
	r := encode(t, s, event.Sample())
	o.Script(sinktest.Answer{Outcome: sinktest.Unavailable})
	require.ErrorIs(t, s.Send(t.Context(), []sinks.Record{r}), syscall.EAGAIN)
	require.NoError(t, s.Send(t.Context(), []sinks.Record{r}))
	assert.Equal(t, `["a`+"\n"+`["a"]`+"\n", o.content.String())
}

func TestAClosedOutputStopsTheReceiver(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	t.Cleanup(func() { _ = w.Close() })
	s := open(t, w, "{}")
	err = s.Send(t.Context(), []sinks.Record{encode(t, s, event.Sample())})
	require.ErrorIs(t, err, syscall.EPIPE)
	require.True(t, sinks.IsStop(err))
	assert.ErrorContains(t, err, "nobody reads it any more")
}

// A reader that stops reading holds one write, not every Send.
func TestAStuckWriteDoesNotHoldTheOthers(t *testing.T) {
	o := &output{over: make(chan struct{})}
	s := open(t, o, "{layout: [a]}")
	record := encode(t, s, event.Sample())
	o.Script(sinktest.Answer{Outcome: sinktest.Silent})

	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	for range 3 {
		go func() { errs <- s.Send(ctx, []sinks.Record{record}) }()
	}
	cancel()
	for range 3 {
		require.ErrorIs(t, <-errs, context.Canceled)
	}
	close(o.over)
	require.NoError(t, s.Send(t.Context(), []sinks.Record{record}))
	assert.NotContains(t, o.content.String(), `]["`, "whole lines")
}

func TestKindWritesToTheStandardOutput(t *testing.T) {
	old := os.Stdout
	t.Cleanup(func() { os.Stdout = old })
	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	os.Stdout = file
	s, err := Kind.Open(t.Context(), Kind.NewConfig(), sinktest.Env(io.Discard))
	require.NoError(t, err)
	require.NoError(t, s.Send(t.Context(), []sinks.Record{encode(t, s, event.Sample())}))
	require.NoError(t, s.Close(t.Context()))
	_, err = file.WriteString("still open")
	require.NoError(t, err)
}
