package web

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
)

const asJSON = "application/json"

func TestExplainAPastedEventAndARecentOne(t *testing.T) {
	w := newWorld(t)
	w.pass(event.Sample())
	at := serve(t, w.options())
	pasted := ask(t, http.MethodPost, at+"/explain", string(event.Sample().ToJSON()), "Content-Type", asJSON)
	require.Equal(t, http.StatusOK, pasted.status, pasted.body)
	var e Explanation
	require.NoError(t, json.Unmarshal([]byte(pasted.body), &e))
	assert.Contains(t, e.Text, "→ archive, by route.match[0]\n")
	assert.Contains(t, e.Text, "✗ match[0] (line 6): labels.team: the object has none")
	require.Len(t, e.Payloads, 3)
	assert.Equal(t, "slack", e.Payloads[2].Receiver)
	assert.Equal(t, string(event.Sample().ToJSON()), e.Payloads[2].Body)
	assert.Equal(t, len(e.Payloads[2].Body), e.Payloads[2].Bytes)

	recent := ask(t, http.MethodPost, at+"/explain?id="+event.Sample().ID(), "", "Content-Type", asJSON)
	assert.Equal(t, pasted.body, recent.body)
	gone := ask(t, http.MethodPost, at+"/explain?id=gone", "", "Content-Type", asJSON)
	assert.Equal(t, http.StatusNotFound, gone.status)
	assert.Contains(t, gone.body, "no longer among the recent ones")
}

func TestExplainOnlyForThisSite(t *testing.T) {
	at := serve(t, newWorld(t).options())
	for name, test := range map[string]struct {
		headers []string
		status  int
	}{
		"no browser":         {nil, 200},
		"our page":           {[]string{"Sec-Fetch-Site", "same-origin", "Origin", at}, 200},
		"our page, old":      {[]string{"Origin", at}, 200},
		"another site":       {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		"a neighbour":        {[]string{"Sec-Fetch-Site", "same-site"}, 403},
		"another site, old":  {[]string{"Origin", "https://evil.example"}, 403},
		"a form":             {[]string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		"a simple request":   {[]string{"Content-Type", "text/plain; x=application/json"}, 415},
		"no type":            {[]string{"Content-Type", ""}, 415},
		"with a charset":     {[]string{"Content-Type", "application/json; charset=utf-8"}, 200},
		"rebound name":       {[]string{"Host", "evil.example:2112", "Origin", "http://evil.example:2112", "Sec-Fetch-Site", "same-origin"}, 403},
		"rebound name, bare": {[]string{"Host", "evil.example"}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			headers := append([]string{"Content-Type", asJSON}, test.headers...)
			assert.Equal(t, test.status, ask(t, http.MethodPost, at+"/explain", "{}", headers...).status)
		})
	}
}

func TestExplainIsBounded(t *testing.T) {
	w := newWorld(t)
	at := serve(t, w.options())
	got := ask(t, http.MethodPost, at+"/explain", strings.Repeat(" ", maxEvent)+"{}", "Content-Type", asJSON)
	assert.Equal(t, http.StatusRequestEntityTooLarge, got.status)
	assert.Contains(t, got.body, "larger than 1 MiB")
	got = ask(t, http.MethodPost, at+"/explain", "{", "Content-Type", asJSON)
	assert.Equal(t, http.StatusBadRequest, got.status)
	assert.Equal(t, `{"error":"unexpected end of JSON input"}`+"\n", got.body)

	ev := event.Sample()
	ev.Message = strings.Repeat("é", 300_000)
	got = ask(t, http.MethodPost, at+"/explain", string(ev.ToJSON()), "Content-Type", asJSON)
	require.Equal(t, http.StatusOK, got.status)
	var e Explanation
	require.NoError(t, json.Unmarshal([]byte(got.body), &e))
	for _, p := range e.Payloads {
		assert.True(t, p.Cut)
		assert.Equal(t, len(ev.ToJSON()), p.Bytes)
		assert.LessOrEqual(t, len(p.Body), maxPayload)
		assert.True(t, utf8.ValidString(p.Body))
	}
}

func TestACutKeepsCharactersWhole(t *testing.T) {
	for most, want := range []string{"", "", "é", "éa", "éa"} {
		got, cut := start("éaé", most)
		assert.Equal(t, want, got, most)
		assert.True(t, cut)
	}
	whole, cut := start("éaé", 5)
	assert.Equal(t, "éaé", whole)
	assert.False(t, cut)
}

func TestManyPayloadsAreBoundedTogether(t *testing.T) {
	var e Explanation
	for range 100 {
		e.Payloads = append(e.Payloads, Payload{Body: strings.Repeat("x", 1<<20), Error: strings.Repeat("y", 1<<20)})
	}
	e, err := bound(e)
	require.NoError(t, err)
	sum := 0
	for _, p := range e.Payloads {
		sum += len(p.Body)
		assert.LessOrEqual(t, len(p.Error), maxError)
	}
	assert.Equal(t, maxAnswer, sum)
}

func TestOneExplanationAtATime(t *testing.T) {
	w := newWorld(t)
	w.entered, w.block = make(chan struct{}, 2), make(chan struct{})
	at := serve(t, w.options())
	first := make(chan answer)
	go func() {
		request, err := http.NewRequest(http.MethodPost, at+"/explain", strings.NewReader("{}"))
		if err == nil {
			request.Header.Set("Content-Type", asJSON)
			var response *http.Response
			if response, err = http.DefaultClient.Do(request); err == nil {
				_ = response.Body.Close()
				first <- answer{status: response.StatusCode}
				return
			}
		}
		first <- answer{body: err.Error()}
	}()
	<-w.entered
	second := ask(t, http.MethodPost, at+"/explain", "{}", "Content-Type", asJSON)
	assert.Equal(t, http.StatusTooManyRequests, second.status)
	assert.Equal(t, "1", second.header.Get("Retry-After"))
	close(w.block)
	assert.Equal(t, answer{status: http.StatusOK}, <-first)
	assert.Equal(t, http.StatusOK, ask(t, http.MethodPost, at+"/explain", "{}", "Content-Type", asJSON).status)
}

type panicking struct{ *world }

func (panicking) ExplainRecent(context.Context, string) (Explanation, error) { panic("a template") }

func TestAnExplanationThatPanicsBlocksNobody(t *testing.T) {
	w := newWorld(t)
	o := w.options()
	o.Status = panicking{w}
	at := serve(t, o)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at+"/explain?id=x", http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Content-Type", asJSON)
	_, err = http.DefaultClient.Do(request)
	require.Error(t, err)
	assert.Equal(t, http.StatusOK, ask(t, http.MethodPost, at+"/explain", "{}", "Content-Type", asJSON).status)
}
