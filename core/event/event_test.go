package event

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

// The default JSON is a format that others read: keys, order and presence.
func TestDefaultJSON(t *testing.T) {
	hostile := &Event{}
	hostile.Message = "<script>&\u2028\xff\"\\\n\x00é"
	for file, ev := range map[string]*Event{
		"complete.json": Sample(),
		"empty.json":    {},
		"hostile.json":  hostile,
	} {
		golden, err := os.ReadFile("testdata/" + file)
		require.NoError(t, err)
		b, err := json.Marshal(ev)
		require.NoError(t, err)
		assert.Equal(t, strings.TrimSuffix(string(golden), "\n"), string(b), file)
		assert.Equal(t, string(b), string(ev.ToJSON()))
	}
}

func TestJSONComesBackAsTheSameEvent(t *testing.T) {
	want := Sample()
	var got Event
	require.NoError(t, json.Unmarshal(want.ToJSON(), &got))
	assert.Equal(t, string(want.ToJSON()), string(got.ToJSON()))
	assert.Equal(t, want.InvolvedObject, got.InvolvedObject)
	assert.Equal(t, want.ID(), got.ID())
}

// The sample is what templates are tried on: a field that is zero there would
// hide a mistake.
func TestSampleHasEveryField(t *testing.T) {
	skipped := map[string]bool{
		// Of the API server, deprecated, or of no use in an event.
		"TypeMeta": true, "GenerateName": true, "SelfLink": true, "Generation": true, "DeletionTimestamp": true,
		"DeletionGracePeriodSeconds": true, "OwnerReferences": true, "Finalizers": true, "ManagedFields": true, "Deleted": true,
	}
	ev := Sample()
	for _, v := range []reflect.Value{
		reflect.ValueOf(*ev), reflect.ValueOf(ev.Event), reflect.ValueOf(ev.ObjectMeta), reflect.ValueOf(ev.InvolvedObject),
		reflect.ValueOf(ev.InvolvedObject.ObjectReference), reflect.ValueOf(*ev.Series), reflect.ValueOf(ev.Source),
	} {
		for field, value := range v.Fields() {
			assert.True(t, skipped[field.Name] || !value.IsZero(), "%s.%s", v.Type(), field.Name)
		}
	}
	assert.NotEmpty(t, ev.InvolvedObject.OwnerReferences)
}

func TestNewDropsManagedFields(t *testing.T) {
	in := corev1.Event{ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "x"}}}}
	in.InvolvedObject.Name = "pod"
	ev := New(in, "c")
	assert.Nil(t, ev.ManagedFields)
	assert.Len(t, in.ManagedFields, 1, "the caller's event is not touched")
	assert.Equal(t, "pod", ev.InvolvedObject.Name)
	assert.Equal(t, "c", ev.ClusterName)
}

func TestTime_DC13_DW3(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 1, 2, 3, 4, s, 678_000_000, time.FixedZone("x", 3600)) }
	ev := &Event{}
	assert.True(t, ev.Time().IsZero())
	assert.Zero(t, ev.GetTimestampMs(), "no -6795364578871")
	assert.Empty(t, ev.GetTimestampISO8601(), "no year 1")
	for i, set := range []func(time.Time){
		func(at time.Time) { ev.CreationTimestamp = metav1.NewTime(at) },
		func(at time.Time) { ev.FirstTimestamp = metav1.NewTime(at) },
		func(at time.Time) { ev.EventTime = metav1.NewMicroTime(at) },
		func(at time.Time) { ev.LastTimestamp = metav1.NewTime(at) },
		func(at time.Time) { ev.Series = &corev1.EventSeries{LastObservedTime: metav1.NewMicroTime(at)} },
	} {
		set(at(i))
		assert.Equal(t, at(i).UTC(), ev.Time())
		assert.Equal(t, at(i).UnixMilli(), ev.GetTimestampMs())
		assert.Equal(t, at(i).UTC().Format("2006-01-02T15:04:05")+".678Z", ev.GetTimestampISO8601(), "UTC, as its Z says")
		assert.True(t, strings.HasPrefix(ev.GetTimestampISO8601(), "2026-01-02T02:04:0"))
	}
	ev.Series = &corev1.EventSeries{Count: 2}
	assert.Equal(t, at(3).UTC(), ev.Time(), "a series without a time says nothing")
}

func TestOccurrences_DC7(t *testing.T) {
	for _, c := range []struct {
		count  int32
		series *corev1.EventSeries
		want   int32
	}{
		{0, nil, 1},
		{1, nil, 1},
		{7, nil, 7},
		{0, &corev1.EventSeries{Count: 4}, 4},
		{9, &corev1.EventSeries{Count: 4}, 9},
		{-5, &corev1.EventSeries{Count: -1}, 1},
	} {
		assert.Equal(t, c.want, (&Event{Event: corev1.Event{Count: c.count, Series: c.series}}).Occurrences(), "%+v", c)
	}
}

func TestComponentAndHost_DC6(t *testing.T) {
	ev := Sample()
	ev.Source = corev1.EventSource{}
	ev.ReportingController, ev.ReportingInstance = "sched", "n2"
	assert.Equal(t, "sched", ev.Component())
	assert.Equal(t, "n2", ev.Host())
	ev.Source = corev1.EventSource{Component: "kubelet", Host: "n1"}
	assert.Equal(t, "kubelet", ev.Component())
	assert.Equal(t, "n1", ev.Host())
}

// Receivers recognise a repeat by the ID: what is not the version must not be
// in it, and two versions or two events must not share one.
func TestID(t *testing.T) {
	ev := Sample()
	assert.Equal(t, "00000000-0000-4000-8000-000000000002.42", ev.ID())
	ev.Message, ev.Count, ev.InvolvedObject.Labels, ev.ClusterName = "x", 99, nil, "other"
	assert.Equal(t, "00000000-0000-4000-8000-000000000002.42", ev.ID())
	ev.ResourceVersion = "43"
	assert.Equal(t, "00000000-0000-4000-8000-000000000002.43", ev.ID())
	ev.UID = ""
	assert.Equal(t, "default/sample.17f0c1d2e3a4b5c6.43", ev.ID())
	var back Event
	require.NoError(t, json.Unmarshal(ev.ToJSON(), &back))
	assert.Equal(t, ev.ID(), back.ID())
}

func TestDeDot(t *testing.T) {
	ev := Sample()
	ev.Labels = map[string]string{"a.b/c": "1"}
	ev.Annotations = map[string]string{"x.y": "2"}
	ev.InvolvedObject.Labels = map[string]string{"a.b": "dotted", "a_b": "plain", "a.b_": "other"}
	ev.InvolvedObject.Annotations = nil
	before := string(ev.ToJSON())
	got := ev.DeDot()
	assert.Equal(t, before, string(ev.ToJSON()), "an event is immutable")
	assert.Equal(t, map[string]string{"a_b/c": "1"}, got.Labels)
	assert.Equal(t, map[string]string{"x_y": "2"}, got.Annotations)
	assert.Nil(t, got.InvolvedObject.Annotations)
	assert.Equal(t, map[string]string{"a_b": "plain", "a_b_": "dotted", "a_b__": "other"}, got.InvolvedObject.Labels)
	assert.Equal(t, ev.Message, got.Message)
}

func TestDeDotKeepsEveryValue_DC14(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.MapOf(rapid.StringMatching(`[ab._]{0,4}`), rapid.String()).Draw(t, "labels")
		out, again := dedot(in), dedot(in)
		if !reflect.DeepEqual(out, again) {
			t.Fatalf("two results: %v and %v", out, again)
		}
		if len(out) != len(in) {
			t.Fatalf("%d of %d keys left", len(out), len(in))
		}
		counts := map[string]int{}
		for k, v := range in {
			counts[v]++
			if !strings.Contains(k, ".") && out[k] != v {
				t.Fatalf("%q had no dot and changed", k)
			}
		}
		for k, v := range out {
			counts[v]--
			if strings.Contains(k, ".") {
				t.Fatalf("%q has a dot", k)
			}
		}
		for v, n := range counts {
			if n != 0 {
				t.Fatalf("value %q: %d too few", v, n)
			}
		}
	})
}

func TestJSONKeysAreInTheDocumentedOrder(t *testing.T) {
	keys := regexp.MustCompile(`(?m)^  "([^"]+)":`)
	b, err := json.MarshalIndent(Sample(), "", "  ")
	require.NoError(t, err)
	var got []string
	for _, m := range keys.FindAllSubmatch(b, -1) {
		got = append(got, string(m[1]))
	}
	assert.Equal(t, []string{
		"metadata", "reason", "message", "source", "firstTimestamp", "lastTimestamp", "count", "type", "eventTime", "series",
		"action", "related", "reportingComponent", "reportingInstance", "clusterName", "involvedObject",
	}, got)
}
