package main

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/packetboat/packetboat/entrypoints/app"
)

func TestProgressWithoutATerminalIsALineNowAndThen(t *testing.T) {
	var stderr bytes.Buffer
	p := newProgress(&app.App{Log: slog.New(slog.NewTextHandler(&stderr, nil))}, &stderr)
	p.tell(app.Progress{EventsRead: 10}, 500)
	assert.Empty(t, stderr.String(), "a short run says nothing")
	p.last = p.last.Add(-logEvery)
	p.tell(app.Progress{EventsRead: 300, Delivered: 200}, 500)
	p.tell(app.Progress{EventsRead: 301, Delivered: 200}, 500)
	p.end()
	assert.Equal(t, 1, bytes.Count(stderr.Bytes(), []byte("\n")))
	assert.Contains(t, stderr.String(), "msg=progress eventsRead=300 delivered=200 retained=500\n")
}

func TestProgressOnATerminalIsABar(t *testing.T) {
	for name, test := range map[string]struct {
		retained int64
		want     string
	}{
		"":                        {500, "(250/500"},
		"more than was retained":  {200, "(199/200"},
		"as many as are retained": {250, "(249/250"},
		"none is retained":        {0, "(250/-"},
		"the server does not say": {-1, "(250/-"},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			p := newProgress(&app.App{Log: slog.New(slog.DiscardHandler)}, &stderr)
			p.onTTY = true
			p.tell(app.Progress{EventsRead: 100}, test.retained)
			time.Sleep(100 * time.Millisecond) // the bar draws no more often than that
			p.tell(app.Progress{EventsRead: 250}, test.retained)
			assert.Contains(t, stderr.String(), "events read")
			assert.Contains(t, stderr.String(), test.want)
			assert.Contains(t, stderr.String(), "events/s")
			p.end()
			assert.True(t, bytes.HasSuffix(stderr.Bytes(), []byte("\r")), "the line is free for the Report")
		})
	}
}
