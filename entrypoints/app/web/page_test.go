package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestThePageInABrowser(t *testing.T) {
	chromium := findChromium(t)
	if chromium == "" {
		return
	}
	w := busyWorld(t)
	at := serve(t, w.options())
	b := open(t, chromium, at)

	// What is there.
	assert.Equal(t, "following", b.text(`document.querySelector("#state").textContent`))
	assert.Equal(t, "staging-eu", b.text(`document.querySelector("#cluster").textContent`))
	assert.Equal(t, "archive elasticsearch|oncall webhook|payments kafka|slack slack",
		b.text(`[...document.querySelectorAll("#receiver-rows th")].map((e) => [...e.children].map((c) => c.textContent).join(" ")).join("|")`))
	assert.Equal(t, "● delivering|▲ behind|■ stopped|◐ catching up",
		b.text(`[...document.querySelectorAll(".badge")].map((e) => e.textContent).join("|")`))
	assert.Contains(t, b.text(`document.querySelector("#receiver-rows").innerText`), "the address does not exist (404)")
	assert.Contains(t, b.text(`document.querySelector("#tree").innerText`), `labels.team matches "payments" and not (namespace matches "kube-system") → payments line 6`)

	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		assert.Empty(t, b.text(contrast+`.join("\n")`), scheme)
		b.shoot("desktop-" + scheme)
	}
	b.scheme("light")

	b.part("hostile text is text", func(t *testing.T) { hostile(t, b) })
	b.part("by the keyboard alone", func(t *testing.T) { keyboard(t, b) })
	b.part("by the mouse", func(t *testing.T) { mouse(t, b) })
	b.part("narrow", func(t *testing.T) { narrow(t, b) })
	b.part("live", func(t *testing.T) { live(t, b, w) })

	assert.Empty(t, b.said(), "the console is empty")
	b.mu.Lock()
	defer b.mu.Unlock()
	assert.Equal(t, map[string]bool{strings.TrimPrefix(at, "http://"): true}, b.hosts, "no other host was asked for anything")
}

func hostile(t *testing.T, b *browser) {
	assert.Equal(t, "undefined", b.text(`typeof window.ran`), "no script of an event ran")
	assert.Equal(t, "0", b.text(`document.querySelectorAll("main img, main script, main iframe, main svg").length`))
	assert.Equal(t, hostileMessage, b.text(`[...document.querySelectorAll(".message")].find((e) => e.textContent.includes("onerror")).textContent`))
	assert.Equal(t, "40000", b.text(`Math.max(...[...document.querySelectorAll(".message")].map((e) => e.textContent.length))`))
	assert.Equal(t, "true", b.text(`[...document.querySelectorAll(".message")].every((e) => e.clientHeight < 100)`))
	// A right-to-left override ends with its own text.
	assert.Equal(t, "isolate", b.text(`getComputedStyle([...document.querySelectorAll(".message bdi")].find((e) => e.textContent.includes("\u202e"))).unicodeBidi`))
	// The policy holds even for a script of our own that forgets itself.
	assert.Equal(t, "refused", b.text(`(() => { try { document.createElement("p").innerHTML = "<b>"; return "taken"; } catch { return "refused"; } })()`))
	for _, problem := range b.said() {
		assert.Contains(t, problem, "TrustedHTML", "only what this test just provoked")
	}
	b.forgive()
}

// keyboard walks from the top of the page to an explanation, with no pointer.
func keyboard(t *testing.T, b *browser) {
	b.js(`document.activeElement.blur()`)
	var order []string
	focused := func() string {
		return b.text(`(document.activeElement.closest(".event") ? "event" : document.activeElement.id || document.activeElement.textContent)`)
	}
	for range 3 {
		b.keys(kb.Tab)
		order = append(order, focused())
		assert.NotEqual(t, "none", b.text(`(() => { const e = document.activeElement;
			const s = e.closest(".event") ? getComputedStyle(e, "::after") : getComputedStyle(e); return s.outlineStyle; })()`), "focus is seen")
	}
	assert.Equal(t, []string{"Skip to the receivers", "pause", "event"}, order)
	name := b.text(`document.activeElement.textContent`)
	b.keys(kb.Enter)
	b.until(`!document.querySelector("#explanation").hidden`)
	assert.Equal(t, "explained", focused(), "the result has the focus")
	assert.Equal(t, "Result for "+name, b.text(`document.querySelector("#explained").textContent`))

	// And a pasted one.
	b.js(`document.querySelector("#event").focus()`)
	b.keys("{")
	b.keys(kb.Tab, kb.Enter)
	b.until(`document.querySelector("#explain-status").textContent.startsWith("✗")`)
	assert.Equal(t, "true", b.text(`document.querySelector("#explanation").hidden`))
	b.forgive() // Chromium notes the answer 400
	b.js(`(() => { const e = document.querySelector("#event"); e.value = ""; e.focus(); })()`)
	pasted, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"namespace": "shop", "name": "pasted"}, "type": "Warning", "reason": "BackOff",
		"message": "<img src=x onerror='window.ran=1'>", "involvedObject": map[string]any{"kind": "Pod", "name": "web-1"},
	})
	require.NoError(t, err)
	b.keys(string(pasted), kb.Tab, kb.Enter)
	b.until(`!document.querySelector("#explanation").hidden`)
	assert.Equal(t, "Goes to archive, oncall, slack.", b.text(`document.querySelector("#goes-to").textContent`))
	assert.Contains(t, b.text(`document.querySelector("#trace").textContent`), "→ oncall, by route.routes[0].match[0]")
	assert.Contains(t, b.text(`document.querySelector("#payloads pre").textContent`), `"message":"\u003cimg src=x`)
	assert.Equal(t, "undefined", b.text(`typeof window.ran`))
}

func mouse(t *testing.T, b *browser) {
	b.do(chromedp.Click(`.event:nth-child(2)`))
	b.until(`document.querySelector("#explained").textContent.includes("<b>Bold")`)
	b.shoot("desktop-explained")
	assert.Contains(t, b.text(`document.querySelector("#payloads").textContent`), "the beginning", "a long payload is cut")
	b.until(`document.activeElement.id === "explained"`)
}

func narrow(t *testing.T, b *browser) {
	for _, width := range []int64{1280, 1000, 700, 360, 320} {
		b.wide(width)
		b.fits()
	}
	b.wide(360)
	b.shoot("narrow-light")
	b.scheme("dark")
	b.shoot("narrow-dark")
	b.scheme("light")
	assert.Equal(t, `"Owed"`, b.text(`getComputedStyle(document.querySelector("#receiver-rows td:nth-child(4)"), "::before").content`),
		"a card says what its numbers are")
	b.wide(1280)
}

// live: counts follow, focus stays, a pause pauses, and silence is said.
func live(t *testing.T, b *browser, w *world) {
	b.js(`document.querySelector(".event button").focus()`)
	before := b.text(`document.activeElement.textContent`)
	w.change(func() { w.pass(shopEvent("fresh", "Warning", "Unhealthy", "readiness probe failed")) })
	b.until(`document.querySelector(".event").textContent.includes("Unhealthy")`)
	assert.Equal(t, before, b.text(`document.activeElement.textContent`), "the focus stays on its event")
	w.change(func() { w.snapshot.Recent = w.snapshot.Recent[:1] })
	b.until(`document.querySelectorAll(".event").length === 1`)
	assert.Equal(t, "events", b.text(`document.activeElement.id`), "the focus does not fall to the page's beginning")

	w.change(func() {
		w.health.Ready = Check{Reasons: []Reason{{"watch", false, "no answer from the <b>API</b> server"}}}
	})
	b.until(`document.querySelector("#complaints").textContent === "watch: no answer from the <b>API</b> server"`)
	w.change(func() { w.health.Ready = Check{OK: true} })
	b.until(`document.querySelector("#complaints").textContent === ""`)

	b.do(chromedp.Click("#pause"))
	b.until(`document.querySelector("#updated").textContent.endsWith("paused")`)
	// What was on its way when it was pressed has come; from then on nothing does.
	b.until(`Number.parseInt(document.querySelector("#updated").textContent) >= 3`)
	polls := w.polls.Load()
	b.until(`Number.parseInt(document.querySelector("#updated").textContent) >= 6`)
	assert.Equal(t, polls, w.polls.Load())
	assert.Equal(t, "true", b.text(`document.querySelector("#pause").ariaPressed`))
	b.do(chromedp.Click("#pause"))
	b.until(`document.querySelector("#updated").textContent === "under 1 s ago"`)

	// A tab that nobody looks at asks nothing.
	const look = `Object.defineProperty(document, "hidden", {value: %s, configurable: true}); document.dispatchEvent(new Event("visibilitychange"))`
	b.js(fmt.Sprintf(look, "true"))
	b.js(`window.hiddenAt = performance.now()`)
	b.until(`performance.now() - window.hiddenAt > 1000`)
	polls = w.polls.Load()
	b.until(`performance.now() - window.hiddenAt > 5000`)
	assert.Equal(t, polls, w.polls.Load())
	b.js(fmt.Sprintf(look, "false"))
	b.until(`document.querySelector("#updated").textContent === "under 1 s ago"`)
}

func TestThePageSaysThatNobodyAnswers(t *testing.T) {
	chromium := findChromium(t)
	if chromium == "" {
		return
	}
	w := busyWorld(t)
	s, err := New(w.options())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	b := open(t, chromium, "http://"+s.Addr().String())
	cancel()
	require.NoError(t, <-done)
	b.until(`document.querySelector("#complaints").textContent.includes("it does not answer")`)
	assert.Equal(t, "4", b.text(`document.querySelectorAll("#receiver-rows .badge").length`), "what was known stays")
	assert.Equal(t, "bad", b.text(`document.querySelector("#state").dataset.state`))
}

func TestThePageOfAnIdleStandby(t *testing.T) {
	chromium := findChromium(t)
	if chromium == "" {
		return
	}
	w := newWorld(t)
	w.snapshot.State, w.snapshot.StateText = "standby", "packetboat-7f is the leader. This replica reads and sends nothing."
	w.snapshot.Receivers = []Receiver{{Name: "archive", Sink: "file", State: Waiting}}
	b := open(t, chromium, serve(t, w.options()))
	b.until(`!document.querySelector("#no-events").hidden`)
	assert.Equal(t, "○ waiting", b.text(`document.querySelector(".badge").textContent`))
	assert.Equal(t, "–", b.text(`document.querySelector("[data-label=Lag]").textContent`))
	b.shoot("standby")
	assert.Empty(t, b.said())
}

// The page stands in a frame of nobody: its clicks cannot be stolen.
func TestNoFrame(t *testing.T) {
	chromium := findChromium(t)
	if chromium == "" {
		return
	}
	w := newWorld(t)
	w.snapshot.Receivers = []Receiver{{Name: "archive", Sink: "file", State: Delivering}}
	at := serve(t, w.options())
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write([]byte(`<title>frame</title><table id="receiver-rows"><tr><td></table><iframe src="` + at + `"></iframe>`))
	})
	b := open(t, chromium, loopback(t, mux))
	for end := time.Now().Add(30 * time.Second); !strings.Contains(strings.Join(b.said(), "\n"), "frame-ancestors"); {
		require.True(t, time.Now().Before(end), b.said())
		time.Sleep(20 * time.Millisecond)
	}
	assert.Equal(t, "1", b.text(`frames.length`))
	assert.Zero(t, w.polls.Load(), "no script ran in the frame")
}
