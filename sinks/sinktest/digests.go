package sinktest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// CanonicalDigest is a digest that every sinks.Digester encodes, with its golden
// file's name.
type CanonicalDigest struct {
	Name   string
	Digest *sinks.Digest
}

// Digests are the canonical digests.
func Digests() []CanonicalDigest {
	one := group(coreV1(), 1204, 50)
	mild := group(deletedObject(), 1, 1)
	mild.Warning = false
	waiting := group(series(), 41, 2)
	waiting.Suppressed = 7
	return []CanonicalDigest{
		{"digest-one-group", digestOf(one)},
		{"digest-many-groups", withRest(digestOf(one, waiting, mild), 37, 1041)},
		{"digest-rest", withRest(digestOf(), 2, 3)},
		{"digest-hostile-text", digestOf(group(hostileText(), 1, 1), mild)},
		{"digest-huge", withRest(digestOf(hugeGroups()...), 1000, 1_000_000)},
	}
}

func group(ev *event.Event, count int64, objects int) sinks.Group {
	return sinks.Group{
		Key: fmt.Sprintf("%032x", len(ev.Reason)),
		By: []sinks.GroupField{
			{Name: "namespace", Value: ev.InvolvedObject.Namespace},
			{Name: "kind", Value: ev.InvolvedObject.Kind},
			{Name: "owner", Value: ev.Owner()},
			{Name: "reason", Value: ev.Reason},
		},
		Count: count, Objects: objects, Warning: true, First: happened.Add(-time.Hour), Last: ev.Time(), Newest: ev,
	}
}

// hugeGroups are more and larger than any service takes in one message.
func hugeGroups() []sinks.Group {
	groups := make([]sinks.Group, 200)
	for i := range groups {
		ev := series()
		if i == 100 {
			ev = hugeMessage()
		}
		groups[i] = group(ev, int64(1000-i), 3)
		groups[i].Key = fmt.Sprintf("%032x", i)
		groups[i].By[2].Value = fmt.Sprintf("Deployment/%s-%d", strings.Repeat("w", 240), i)
	}
	return groups
}

func digestOf(groups ...sinks.Group) *sinks.Digest {
	d := &sinks.Digest{
		ID: "digest-11111111-1111-4111-8111-111111111111-101", Cluster: "prod", Groups: groups,
		First: happened.Add(-time.Hour), Last: happened, Newest: coreV1(),
	}
	for _, g := range groups {
		d.Count += g.Count
	}
	if len(groups) > 0 {
		d.Newest = groups[0].Newest
	}
	return d
}

func withRest(d *sinks.Digest, groups int, count int64) *sinks.Digest {
	d.MoreGroups, d.MoreCount = groups, count
	d.Count += count
	return d
}

// digests holds for a sink that can make them.
func digests(t *testing.T, s *subject) {
	digester, ok := s.sink.(sinks.Digester)
	if !ok {
		t.Log("does not apply: it makes no digests")
		return
	}
	var names []string
	for _, c := range Digests() {
		record, err := digester.EncodeDigest(c.Digest)
		require.NoError(t, err, c.Name)
		again, err := digester.EncodeDigest(c.Digest)
		require.NoError(t, err, c.Name)
		assert.Equal(t, record, again, "%s: encode is pure", c.Name)
		assert.Equal(t, c.Digest.ID, record.ID, c.Name)
		assert.Same(t, c.Digest.Newest, record.Event, c.Name)
		if limit := s.sink.Limits().RecordBytes; limit > 0 {
			assert.LessOrEqual(t, len(record.Body), limit, "%s fits the service", c.Name)
		}
		require.NoError(t, s.sink.Send(t.Context(), []sinks.Record{record}), c.Name)
		s.compare(t, c.Name, record.Body)
		names = append(names, c.Name)
	}
	assert.Len(t, s.Deliveries(), len(names))
}

// ends holds for a sink whose alerts can be ended.
func ends(t *testing.T, s *subject) {
	resolver, ok := s.sink.(sinks.Resolver)
	if !ok {
		t.Log("does not apply: it has no alerts that could be ended")
		return
	}
	opened, err := s.sink.Encode(coreV1())
	require.NoError(t, err)
	require.NotEmpty(t, opened.Alert, "the record of an event names its alert")
	ended, err := resolver.EncodeResolve(opened.Alert, happened)
	require.NoError(t, err)
	assert.Nil(t, ended.Event)
	assert.Empty(t, ended.Alert)
	assert.NotEqual(t, opened.ID, ended.ID)
	require.NoError(t, s.sink.Send(t.Context(), []sinks.Record{opened}))
	require.NoError(t, s.sink.Send(t.Context(), []sinks.Record{ended}))
	s.compare(t, "alert-ended", ended.Body)
	assert.Len(t, s.Deliveries(), 2)
}
