package kafka

import (
	"errors"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/packetboat/packetboat/sinks/sinktest"
)

// fake is a cluster by script: kfake, which speaks the protocol and keeps the
// messages, and in front of it what a sinktest.Answer asks for.
type fake struct {
	*kfake.Cluster
	over chan struct{}
	// cut breaks the connection instead of writing the next answer.
	cut atomic.Bool
	// beforeAnswer is called when a request was taken and the answer is about to be cut.
	beforeAnswer func()

	mu         sync.Mutex
	script     []sinktest.Answer
	attempts   int
	acks       int16 // of the last request
	deliveries []sinktest.Delivery
	taken      map[batchNumber]bool
}

type batchNumber struct {
	producer  int64
	partition int32
	sequence  int32
}

const topic = "events"

func startFake(t *testing.T, partitions int32, options ...kfake.Opt) *fake {
	t.Helper()
	f := &fake{over: make(chan struct{}), beforeAnswer: func() {}, taken: map[batchNumber]bool{}}
	options = append(options, kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic),
		kfake.ListenFn(func(network, address string) (net.Listener, error) {
			l, err := net.Listen(network, address)
			return &listener{l, f}, err
		}))
	var err error
	f.Cluster, err = kfake.NewCluster(options...)
	require.NoError(t, err)
	t.Cleanup(func() {
		close(f.over)
		f.Close()
	})
	f.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		return f.answer(t, r.(*kmsg.ProduceRequest))
	})
	return f
}

type listener struct {
	net.Listener
	fake *fake
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &fragileConn{c, l.fake}, err
}

type fragileConn struct {
	net.Conn
	fake *fake
}

func (c *fragileConn) Write(b []byte) (int, error) {
	if c.fake.cut.CompareAndSwap(true, false) {
		c.fake.beforeAnswer()
		_ = c.Close()
		return 0, errors.New("cut")
	}
	return c.Conn.Write(b)
}

func (f *fake) answer(t *testing.T, r *kmsg.ProduceRequest) (kmsg.Response, error, bool) { //nolint:revive // kfake's order
	f.mu.Lock()
	f.attempts++
	f.acks = r.Acks
	var a sinktest.Answer
	if len(f.script) > 0 {
		a, f.script = f.script[0], f.script[1:]
	}
	f.mu.Unlock()
	switch a.Outcome {
	case sinktest.Unavailable:
		return refuse(r, kerr.NotEnoughReplicas, nil), nil, true
	case sinktest.Malformed:
		return refuse(r, kerr.InvalidRecord, nil), nil, true
	case sinktest.Forbidden:
		return refuse(r, kerr.TopicAuthorizationFailed, nil), nil, true
	case sinktest.Silent:
		f.SleepControl(func() { <-f.over })
		return nil, errors.New("over"), true
	case sinktest.ReplyLost:
		f.cut.Store(true)
	case sinktest.Partly:
		bad := func(p kmsg.ProduceRequestTopicPartition) bool {
			return slices.ContainsFunc(records(t, p), func(r kmsg.Record) bool { return slices.Contains(a.Refused, indexOf(r)) })
		}
		f.take(t, r, func(p kmsg.ProduceRequestTopicPartition) bool { return !bad(p) })
		return refuse(r, kerr.InvalidRecord, bad), nil, true
	}
	f.take(t, r, func(kmsg.ProduceRequestTopicPartition) bool { return true })
	return nil, nil, false
}

// take notes what the cluster now holds, in the order in which it was sent.
func (f *fake) take(t *testing.T, r *kmsg.ProduceRequest, takes func(kmsg.ProduceRequestTopicPartition) bool) {
	var all []kmsg.Record
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, topic := range r.Topics {
		for _, p := range topic.Partitions {
			if number := numberOf(t, p); takes(p) && !f.taken[number] {
				f.taken[number] = number.producer >= 0
				all = append(all, records(t, p)...)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b kmsg.Record) int { return indexOf(a) - indexOf(b) })
	for _, r := range all {
		f.deliveries = append(f.deliveries, sinktest.Delivery{Key: headerOf(r, idHeader), Body: r.Value})
	}
}

func numberOf(t *testing.T, p kmsg.ProduceRequestTopicPartition) batchNumber {
	t.Helper()
	var b kmsg.RecordBatch
	require.NoError(t, b.ReadFrom(p.Records))
	return batchNumber{b.ProducerID, p.Partition, b.FirstSequence}
}

func records(t *testing.T, p kmsg.ProduceRequestTopicPartition) []kmsg.Record {
	t.Helper()
	var b kmsg.RecordBatch
	require.NoError(t, b.ReadFrom(p.Records))
	all, err := kfake.BatchRecords(b)
	require.NoError(t, err)
	return all
}

// indexOf is the place in a batch of the suite, if the key tells it.
func indexOf(r kmsg.Record) int {
	n, _ := strconv.Atoi(string(r.Key))
	return n - 1000
}

func headerOf(r kmsg.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// refuse answers for the partitions that are bad, nil is all, and takes the others.
func refuse(r *kmsg.ProduceRequest, why *kerr.Error, bad func(kmsg.ProduceRequestTopicPartition) bool) *kmsg.ProduceResponse {
	response := r.ResponseKind().(*kmsg.ProduceResponse)
	for _, t := range r.Topics {
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic, topic.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			partition := kmsg.NewProduceResponseTopicPartition()
			partition.Partition = p.Partition
			if bad == nil || bad(p) {
				partition.ErrorCode = why.Code
				partition.ErrorMessage = kmsg.StringPtr("cannot take " + string(p.Records))
			}
			topic.Partitions = append(topic.Partitions, partition)
		}
		response.Topics = append(response.Topics, topic)
	}
	return response
}

func (f *fake) Script(answers ...sinktest.Answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = append(f.script, answers...)
}

func (f *fake) Attempts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.attempts
}

func (f *fake) Deliveries() []sinktest.Delivery {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.deliveries)
}
