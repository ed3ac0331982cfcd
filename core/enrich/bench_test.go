package enrich

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/packetboat/packetboat/core/event"
)

// BenchmarkRemembered is a page of 1,000 events about 300 pods that are known.
func BenchmarkRemembered(b *testing.B) {
	e := New(Options{})
	p := &page{Enricher: e, now: e.Now(), found: map[object]*facts{}}
	events := make([]*event.Event, 1000)
	for i := range events {
		events[i] = about(corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: fmt.Sprintf("pod-%d", i%300),
			UID: types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", i%300)),
		})
		o, _ := p.objectOf(events[i])
		p.settle(o, &facts{labels: map[string]string{"app": "shop"}})
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Enrich(b.Context(), events); err != nil {
			b.Fatal(err) // it would ask a client that is not there
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
}
