package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/packetboat/packetboat/entrypoints/app"
)

// logEvery is how often a run that nobody watches says how far it is.
const logEvery = 10 * time.Second

// progress shows a long run: a bar on a terminal, else a line now and then.
type progress struct {
	app    *app.App
	stderr io.Writer
	bar    *progressbar.ProgressBar
	most   int64 // the bar's length, 0 if not known
	onTTY  bool
	last   time.Time
}

func newProgress(a *app.App, stderr io.Writer) *progress {
	p := &progress{app: a, stderr: stderr, last: time.Now()}
	if f, ok := stderr.(*os.File); ok {
		p.onTTY = term.IsTerminal(int(f.Fd()))
	}
	return p
}

func (p *progress) tell(now app.Progress, retained int64) {
	if p.onTTY {
		p.show(now, retained)
		return
	}
	if time.Since(p.last) < logEvery {
		return
	}
	p.last = time.Now()
	p.app.Log.Info("progress", "eventsRead", now.EventsRead, "delivered", now.Delivered, "retained", retained)
}

func (p *progress) show(now app.Progress, retained int64) {
	if p.bar == nil {
		p.most = max(retained, 0)
		length := p.most
		if length == 0 {
			length = -1 // not known
		}
		p.bar = progressbar.NewOptions64(length, progressbar.OptionSetWriter(p.stderr),
			progressbar.OptionSetDescription("events read"), progressbar.OptionShowIts(), progressbar.OptionSetItsString("events"),
			progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(false),
			// Turning by itself it would draw over the Report.
			progressbar.OptionSetSpinnerChangeInterval(0))
	}
	read := now.EventsRead
	if p.most > 0 {
		// A full bar would end itself. Reading may come to more than was retained,
		// and what is read has still to be delivered.
		read = min(read, p.most-1)
	}
	_ = p.bar.Set64(read)
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
