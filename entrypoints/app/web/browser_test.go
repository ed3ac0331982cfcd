package web

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// findChromium says where it is. With LIVE it must be there, unless CHROMIUM=none
// says that it cannot be had; without, a run that has none says so, and whoever
// calls has nothing to look at.
func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	live := os.Getenv("LIVE") != "" && os.Getenv("CHROMIUM") != "none"
	require.False(t, live, "LIVE is set, and there is no chromium on the PATH")
	t.Log("there is no chromium on the PATH: the status page is not looked at in this run")
	return ""
}

// browser is one tab of a new Chromium that reaches nothing but loopback.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	hosts    map[string]bool
	problems []string // what the console says
}

func open(t *testing.T, chromium, address string) *browser {
	t.Helper()
	flags := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
	)
	allocator, end := chromedp.NewExecAllocator(t.Context(), flags...)
	ctx, closeTab := chromedp.NewContext(allocator)
	limited, cancel := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(func() {
		cancel()
		closeTab()
		end() // returns when the process has ended and its folder can be removed
	})
	b := &browser{t: t, ctx: limited, hosts: map[string]bool{}}
	require.NoError(t, chromedp.Listen(ctx, b.listen))
	// The tab belongs to ctx: with the limit of the actions it would end at its first use.
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	require.NoError(t, err)
	b.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(address))
	b.until(`document.querySelectorAll("#receiver-rows tr").length > 0`)
	return b
}

// listen is called by the goroutine that reads from the browser.
func (b *browser) listen(e any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := e.(type) {
	case *network.EventRequestWillBeSent:
		at, err := url.Parse(e.Request.URL)
		if err != nil {
			b.problems = append(b.problems, err.Error())
			return
		}
		b.hosts[at.Host] = true
	case *runtime.EventConsoleAPICalled:
		b.problems = append(b.problems, "console: "+string(e.Type))
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, "exception: "+e.ExceptionDetails.Exception.Description)
	case *log.EventEntryAdded:
		b.problems = append(b.problems, e.Entry.Text+" "+e.Entry.URL)
	}
}

// part is a part of the test that goes on in the same tab.
func (b *browser) part(name string, f func(t *testing.T)) {
	whole := b.t
	defer func() { b.t = whole }()
	whole.Run(name, func(t *testing.T) {
		b.t = t
		f(t)
	})
}

func (b *browser) said() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.problems...)
}

func (b *browser) forgive() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = nil
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, steps...))
}

// js runs a statement.
func (b *browser) js(code string) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](code))
}

// text is an expression's value.
func (b *browser) text(js string) string {
	b.t.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+js+")"))
	require.NoError(b.t, err, js)
	return s
}

// until waits for a condition of the page. chromedp's own Poll makes functions
// out of text, which the page's policy forbids.
func (b *browser) until(js string) {
	b.t.Helper()
	for end := time.Now().Add(30 * time.Second); b.text(js) != "true"; time.Sleep(20 * time.Millisecond) {
		require.True(b.t, time.Now().Before(end), "this does not become true: %s", js)
	}
}

func (b *browser) keys(keys ...string) {
	b.t.Helper()
	for _, k := range keys {
		b.do(chromedp.KeyEvent(k))
	}
}

// shoot keeps a picture if SHOTS names a folder, for a person to look at.
func (b *browser) shoot(name string) {
	b.t.Helper()
	dir := os.Getenv("SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
}

func (b *browser) scheme(name string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		// Colours are measured, and would be half way.
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	require.NoError(b.t, err)
}

func (b *browser) wide(width int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, 800))
}

// overflow names the elements that stick out of the window sideways.
const overflow = `[...document.querySelectorAll("body *")].filter((e) => {
  const box = e.getBoundingClientRect();
  const hidden = e.closest(".skip, thead, [hidden]");
  return !hidden && box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5);
}).map((e) => e.outerHTML.slice(0, 80)).concat(document.documentElement.scrollWidth > innerWidth ? ["the page"] : [])`

func (b *browser) fits() {
	b.t.Helper()
	assert.Empty(b.t, b.text(overflow+`.join("\n")`))
}
