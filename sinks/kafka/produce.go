package kafka

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/IBM/sarama"

	"github.com/packetboat/packetboat/sinks"
)

// share is the part of a batch that goes to one partition. Brokers take or
// refuse it as a whole.
type share struct {
	partition int32
	broker    *sarama.Broker
	indexes   []int    // into the batch
	ids       []string // of the records
	records   *sarama.RecordBatch
	err       error
}

// produce makes one attempt to deliver messages to a topic.
func (c *client) produce(topic string, messages []message) error {
	shares, err := c.share(topic, messages)
	if err != nil {
		return judge(c.why(err))
	}
	for _, s := range shares {
		if size := sizeOf(s.records.Records); size > c.config.MaxMessageBytes {
			return sinks.Permanent(fmt.Errorf("%d bytes for one partition are more than %d", size, c.config.MaxMessageBytes))
		}
	}
	if c.numbers != nil {
		c.numbers.mu.Lock()
		defer c.numbers.mu.Unlock()
		if err := c.numbers.number(c, topic, shares); err != nil {
			return judge(c.why(err))
		}
		defer c.numbers.settle(topic, shares)
	}
	var requests sync.WaitGroup
	for _, group := range byBroker(shares) {
		requests.Go(func() { c.request(topic, group) })
	}
	requests.Wait()
	c.forgetLeaders(topic, shares)
	return outcome(shares)
}

// share divides messages by partition, and finds who leads those.
func (c *client) share(topic string, messages []message) ([]*share, error) {
	partitions, err := c.Partitions(topic)
	if err != nil {
		return nil, fmt.Errorf("find the topic: %w", err)
	}
	partitioner := sarama.NewHashPartitioner(topic)
	byPartition := map[int32]*share{}
	var shares []*share
	for i, m := range messages {
		n, err := partitioner.Partition(&sarama.ProducerMessage{Key: sarama.ByteEncoder(m.record.Key)}, int32(len(partitions)))
		if err != nil {
			return nil, fmt.Errorf("choose a partition: %w", err)
		}
		p := partitions[n]
		s := byPartition[p]
		if s == nil {
			leader, err := c.Leader(topic, p)
			if err != nil {
				return nil, fmt.Errorf("find the leader of a partition: %w", err)
			}
			s = &share{partition: p, broker: leader, records: &sarama.RecordBatch{
				Version: 2, Codec: codecs[c.config.CompressionCodec], CompressionLevel: sarama.CompressionLevelDefault,
				ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, FirstTimestamp: m.at, MaxTimestamp: m.at,
			}}
			byPartition[p] = s
			shares = append(shares, s)
		}
		s.add(i, m)
	}
	return shares, nil
}

func (s *share) add(index int, m message) {
	s.indexes, s.ids = append(s.indexes, index), append(s.ids, m.id)
	b := s.records
	m.record.OffsetDelta = int64(len(b.Records))
	m.record.TimestampDelta = m.at.Sub(b.FirstTimestamp)
	b.LastOffsetDelta = int32(len(b.Records))
	if m.at.After(b.MaxTimestamp) {
		b.MaxTimestamp = m.at
	}
	b.Records = append(b.Records, m.record)
}

func byBroker(shares []*share) map[*sarama.Broker][]*share {
	groups := map[*sarama.Broker][]*share{}
	for _, s := range shares {
		groups[s.broker] = append(groups[s.broker], s)
	}
	return groups
}

// request asks one broker, and notes the answer for each share.
func (c *client) request(topic string, shares []*share) {
	request := &sarama.ProduceRequest{
		RequiredAcks: acks[c.config.Acks], Timeout: int32(c.config.Timeout.Milliseconds()), Version: produceVersion(c.Config().Version),
	}
	for _, s := range shares {
		request.AddBatch(topic, s.partition, s.records)
	}
	answer, err := shares[0].broker.Produce(request)
	for _, s := range shares {
		if s.err = err; err == nil {
			s.err = answered(answer.GetBlock(topic, s.partition))
		}
	}
}

// produceVersion is the form of the request: the oldest that takes what we send,
// since newer ones bring nothing that is used here.
func produceVersion(brokers sarama.KafkaVersion) int16 {
	if brokers.IsAtLeast(sarama.V2_1_0_0) {
		return 7 // the first that takes zstd
	}
	return 3 // the first that takes record batches, with headers
}

// answered is what a broker says to one share.
func answered(block *sarama.ProduceResponseBlock) error {
	switch {
	case block == nil:
		return sarama.ErrIncompleteResponse
	case block.Err == sarama.ErrNoError || block.Err == sarama.ErrDuplicateSequenceNumber:
		return nil // the second: it has this batch already
	}
	return block.Err
}

// forgetLeaders asks anew where partitions are, for the next attempt, if one was
// not where it was thought to be.
func (c *client) forgetLeaders(topic string, shares []*share) {
	moved := func(s *share) bool { return s.err != nil && !sinks.IsPermanent(judge(s.err)) }
	if slices.ContainsFunc(shares, moved) {
		_ = c.RefreshMetadata(topic)
	}
}

// outcome is the answer of Send.
func outcome(shares []*share) error {
	failed := slices.DeleteFunc(slices.Clone(shares), func(s *share) bool { return s.err == nil })
	if len(failed) == 0 {
		return nil
	}
	if len(failed) == len(shares) {
		// All of the batch: the caller waits, or cuts it to find out which record is at fault.
		worst := slices.MinFunc(failed, func(a, b *share) int { return cmp.Compare(severity(a.err), severity(b.err)) })
		return judge(worst.err)
	}
	partial := &sinks.PartialError{Refused: map[int]error{}}
	for _, s := range failed {
		err := judge(s.err)
		if sinks.IsPermanent(err) && len(s.indexes) > 1 {
			// One of them is at fault: without what was taken now the caller cuts and finds it.
			err = fmt.Errorf("not taken because of a record for the same partition: %w", s.err)
		}
		for _, i := range s.indexes {
			partial.Refused[i] = err
		}
	}
	return partial
}

// severity puts first what decides for all: the receiver's fault, then what
// passes, then the records'.
func severity(err error) int {
	switch judged := judge(err); {
	case sinks.IsStop(judged) || errors.As(judged, new(*topicError)):
		return 0
	case sinks.IsPermanent(judged):
		return 2
	}
	return 1
}
