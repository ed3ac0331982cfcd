package app

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/entrypoints/app/web"
)

const paged = `
clusterName: prod
route:
  drop: [{namespace: secret-plans}]
  match: [{receiver: all}, {type: Warning, receiver: loud}]
receivers:
  - {name: all, stdout: {}}
  - {name: loud, webhook: {endpoint: "http://127.0.0.1:1/token-in-the-address", headers: {Authorization: Bearer hunter2}, layout: {say: "{{ .Message }}"}}}
`

func openPage(t *testing.T) (explainer, *recent) {
	t.Helper()
	a, err := from(t, paged)
	require.NoError(t, err)
	receivers, err := a.openSinks(t.Context(), metrics.Discard())
	require.NoError(t, err)
	t.Cleanup(func() {
		for _, r := range receivers {
			require.NoError(t, r.sink.Close(t.Context()))
		}
	})
	passed := newRecent(a.Config.Tree, []string{"all", "loud"})
	return explainer{tree: a.Config.Tree, receivers: receivers, clusterName: "prod", recent: passed}, passed
}

func numbered(n int) *event.Event {
	ev := event.Sample()
	ev.UID = types.UID(fmt.Sprint("uid", n))
	return ev
}

func TestRecentRoutesAsItsRouterDoesAndKeepsTheLast(t *testing.T) {
	_, passed := openPage(t)
	assert.Equal(t, []int{7, 0, 1}, passed.Route(numbered(0), []int{7}))
	dropped := numbered(1)
	dropped.Namespace = "secret-plans"
	assert.Equal(t, []int{7}, passed.Route(dropped, []int{7}))
	dst := passed.Route(numbered(2), nil)
	passed.Route(dropped, append(dst[:0], 5, 6)) // who calls uses its slice again
	require.Equal(t, []string{"all", "loud"}, passed.list()[1].Receivers)

	_, passed = openPage(t)
	passed.Route(numbered(0), nil)
	passed.Route(dropped, nil)
	list := passed.list()
	require.Len(t, list, 2)
	assert.Equal(t, []string{}, list[0].Receivers)
	assert.Equal(t, web.Recent{
		ID: "uid0.42", Time: event.Sample().Time(), Kind: "Pod", Namespace: "default", Name: "sample", Reason: "BackOff",
		Type: "Warning", Message: "Back-off restarting failed container", Receivers: []string{"all", "loud"},
	}, list[1])

	for n := range 250 {
		passed.Route(numbered(n), nil)
	}
	list = passed.list()
	require.Len(t, list, recentEvents)
	assert.Equal(t, "uid249.42", list[0].ID)
	assert.Equal(t, "uid150.42", list[99].ID)
	assert.Nil(t, passed.find("uid149.42"))
	assert.NotNil(t, passed.find("uid150.42"))

	passed.Route(numbered(200), nil)
	list = passed.list()
	assert.Equal(t, "uid200.42", list[0].ID)
	assert.Len(t, list, recentEvents-1, "what was read again is there once")
}

func TestRecentIsBounded(t *testing.T) {
	_, passed := openPage(t)
	held := func() (sum int) {
		for i := range passed.ring {
			if ev := passed.ring[i].ev; ev != nil {
				sum += sizeOf(ev)
			}
		}
		return sum
	}
	for n := range 300 {
		ev := numbered(n)
		ev.Annotations = map[string]string{"long": strings.Repeat("x", n*1000)}
		ev.Message = strings.Repeat("é", 1000)
		passed.Route(ev, nil)
		require.LessOrEqual(t, held(), recentBytes)
		require.Equal(t, held(), passed.bytes)
		require.Same(t, ev, passed.find(ev.ID()))
	}
	list := passed.list()
	assert.Len(t, list, 3)
	assert.Equal(t, strings.Repeat("é", 150)+"…", list[0].Message)
	huge := numbered(1000)
	huge.Message = strings.Repeat("x", recentBytes)
	passed.Route(huge, nil)
	assert.Equal(t, list, passed.list(), "it alone would push all others out")
}

func TestRecentConcurrently(t *testing.T) {
	_, passed := openPage(t)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 200 {
				passed.Route(numbered(i*1000+n), nil)
				passed.list()
			}
		})
	}
	wg.Wait()
	assert.Len(t, passed.list(), recentEvents)
}

func TestThePageExplainsAsTheCommandDoes(t *testing.T) {
	e, passed := openPage(t)
	passed.Route(numbered(1), nil)
	recent, err := e.ExplainRecent(t.Context(), "uid1.42")
	require.NoError(t, err)
	pasted, err := e.Explain(t.Context(), []byte(`{"kind":"List","items":[`+string(numbered(1).ToJSON())+`]}`))
	require.NoError(t, err)
	assert.Equal(t, recent, pasted)
	require.Len(t, recent.Payloads, 2)
	assert.Equal(t, web.Payload{Receiver: "loud", Body: `{"say":"Back-off restarting failed container"}`}, recent.Payloads[1])
	assert.Equal(t, []string{"route.match[1]"}, recent.Trace.Receivers[1].Rules)
	assert.NotContains(t, fmt.Sprintf("%+v", recent), "hunter2")
	assert.NotContains(t, fmt.Sprintf("%+v", recent), "token-in-the-address")

	named, err := e.Explain(t.Context(), []byte(`{"metadata":{"name":"x"}}`))
	require.NoError(t, err)
	assert.Contains(t, named.Payloads[0].Body, `"clusterName":"prod"`)

	_, err = e.ExplainRecent(t.Context(), "gone")
	require.ErrorIs(t, err, web.ErrNotFound)
	one := string(numbered(1).ToJSON())
	for input, want := range map[string]string{
		"":                   "there is none",
		`{"items":[]}`:       "there is none",
		one + one:            "this is more than one",
		"[]":                 "want an event or a list of events",
		`{"kind":"Pod"}`:     `this is a "Pod"`,
		`{"reason":`:         "the input ends in the middle of a value",
		`{"metadata":"text"`: "the input ends in the middle of a value",
	} {
		_, err := e.Explain(t.Context(), []byte(input))
		assert.ErrorContains(t, err, want, input)
	}
}
