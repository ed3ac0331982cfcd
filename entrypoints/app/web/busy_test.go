package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/packetboat/packetboat/core/event"
)

const hostileMessage = `<img src=x onerror="window.ran=1"><script>window.ran=1</script> "'></textarea>`

func shopEvent(name, kind, reason, message string) *event.Event {
	ev := event.Sample()
	ev.UID, ev.Name = types.UID("uid-"+name), name
	ev.Type, ev.Reason, ev.Message = kind, reason, message
	ev.Namespace, ev.InvolvedObject.Namespace, ev.InvolvedObject.Name = "shop", "shop", name
	ev.Series, ev.Count, ev.LastTimestamp = nil, 1, metav1.NewTime(time.Now().Add(-9*time.Second))
	ev.InvolvedObject.Labels["team"] = "payments"
	return ev
}

// busyWorld has everything that the page can show.
func busyWorld(t *testing.T) *world {
	w := newWorld(t)
	quick, slow, at := 1.2, 754.0, time.Now().Add(-40*time.Second)
	w.snapshot.Receivers = []Receiver{
		{
			Name: "archive", Sink: "elasticsearch", State: Delivering, LagSeconds: &quick, PerMinute: 412.5,
			Delivered: 1284093, Cursor: "90412845",
		},
		{
			Name: "oncall", Sink: "webhook", State: Behind, LagSeconds: &slow, Owed: 1830, PerMinute: 22, Delivered: 10233, Refused: 2,
			DeadLettered: 2, Cursor: "90398120", LastError: "send: 503 Service Unavailable: <b>try later</b>", LastErrorAt: &at,
		},
		{
			Name: "payments", Sink: "kafka", State: Stopped, Owed: 94, Delivered: 5120, Cursor: "90120011",
			LastError: "the receiver stops: the address does not exist (404): " + strings.Repeat("x", 400), LastErrorAt: &at,
		},
		{Name: "slack", Sink: "slack", State: CatchingUp, LagSeconds: &quick, PerMinute: 0.4, Delivered: 318, Cursor: "90412845"},
	}
	for range 40 {
		w.counter.Route(event.Sample(), nil)
	}
	w.pass(shopEvent("checkout-5c9d", "Normal", "Scheduled", "Successfully assigned shop/checkout-5c9d to node-3"))
	w.pass(shopEvent("checkout-5c9e", "Normal", "Pulled", "Container image registry.example.com/shop/checkout:1.9 already present"))
	w.pass(shopEvent("web-1", "Warning", "BackOff", "Back-off restarting failed container app in pod web-1"))
	w.pass(shopEvent("rtl", "Warning", "\u202eevil\u202e", "\u202eright to left \u05d0\u05d1\u05d2 and back"))
	w.pass(shopEvent("long", "Normal", strings.Repeat("Long", 60), strings.Repeat("m", 40_000)))
	w.pass(shopEvent("empty", "", "", ""))
	long := shopEvent("<b>bold</b>", "Warning", "<b>Bold", strings.Repeat("word ", 60_000))
	w.pass(long)
	w.snapshot.Recent[0].Message = "word word"
	w.pass(shopEvent("img", "Warning", "Failed", hostileMessage))
	return w
}

// change changes the world between two requests of the page.
func (w *world) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func loopback(t *testing.T, h http.Handler) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// contrast names texts whose colour is too near to that of their ground, by the
// formula of WCAG 2: 4.5 to 1.
const contrast = `(() => {
  const parse = (c) => c.match(/[\d.]+/g).map(Number);
  const light = (c) => { const [r, g, b] = parse(c).map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if ((parse(c)[3] ?? 1) > 0) return c; } return "rgb(255,255,255)"; };
  return [...document.querySelectorAll("body *")].filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && e.checkVisibility()).filter((e) => {
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
  }).map((e) => e.outerHTML.slice(0, 80));
})()`
