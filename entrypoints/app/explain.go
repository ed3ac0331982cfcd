package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/core/route"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/entrypoints/app/web"
)

// Explanation is an event's way through the configuration.
type Explanation struct {
	route.Trace
	Bodies []Body `json:"bodies"`
}

// Body is what one receiver would be sent, or why it can not.
type Body struct {
	Receiver string `json:"receiver"`
	Body     string `json:"body,omitempty"`
	Digest   bool   `json:"digest,omitempty"` // the receiver puts it into one: Body is what it would be alone
	Error    string `json:"error,omitempty"`
}

// Explain says for each event of Options.Events which rules decided and what
// exactly would be sent. It sends nothing.
func (a *App) Explain(ctx context.Context) (iter.Seq2[Explanation, error], error) {
	if a.Events == "" {
		return nil, usage("no events named: use --events FILE, or --events - for standard input")
	}
	receivers, err := a.openSinks(ctx, metrics.Discard())
	if err != nil {
		return nil, err
	}
	input, err := a.openEvents()
	if err != nil {
		return nil, err
	}
	return func(yield func(Explanation, error) bool) {
		defer func() { _ = input.Close() }()
		count := 0
		for raw, err := range source.Raw(input) {
			if err != nil {
				yield(Explanation{}, fmt.Errorf("read events: %w", err))
				return
			}
			count++
			ev, err := source.DecodeJSON(raw, a.Config.ClusterName)
			if err != nil {
				yield(Explanation{}, fmt.Errorf("read events: event %d of the input: %w", count, err))
				return
			}
			if !yield(explain(a.Config.Tree, receivers, ev), nil) {
				return
			}
		}
	}, nil
}

// explain may be called concurrently, as the tree and the sinks may.
func explain(tree *route.Tree, receivers []opened, ev *event.Event) Explanation {
	e := Explanation{Trace: tree.Explain(ev), Bodies: []Body{}}
	for _, i := range tree.Route(ev, nil) {
		r := receivers[i]
		body := Body{Receiver: r.Name, Digest: r.Digest != nil}
		record, err := r.sink.Encode(ev)
		switch limit := r.sink.Limits().RecordBytes; {
		case err != nil:
			body.Error = err.Error()
		case limit > 0 && len(record.Body) > limit:
			body.Error = fmt.Sprintf("record has %d bytes, the receiver takes at most %d", len(record.Body), limit)
		default:
			body.Body = string(record.Body)
		}
		e.Bodies = append(e.Bodies, body)
	}
	return e
}

// explainer says to the status page what Explain says to the command: it is all
// of a web.Provider but the snapshot. It may be used concurrently.
type explainer struct {
	tree        *route.Tree
	receivers   []opened // those that the tree was compiled for, in its order
	clusterName string
	recent      *recent
}

// Explain reads one event, in any form that the command reads.
func (e explainer) Explain(_ context.Context, raw []byte) (web.Explanation, error) {
	var found []byte
	for one, err := range source.Raw(bytes.NewReader(raw)) {
		switch {
		case err != nil:
			return web.Explanation{}, fmt.Errorf("read the event: %w", err)
		case found != nil:
			return web.Explanation{}, errors.New("read the event: this is more than one, paste one of them")
		}
		found = one
	}
	if found == nil {
		return web.Explanation{}, errors.New("read the event: there is none, paste one")
	}
	ev, err := source.DecodeJSON(found, e.clusterName)
	if err != nil {
		return web.Explanation{}, fmt.Errorf("read the event: %w", err)
	}
	return e.page(ev), nil
}

// ExplainRecent explains an event as it was routed, with what was looked up for it.
func (e explainer) ExplainRecent(_ context.Context, id string) (web.Explanation, error) {
	ev := e.recent.find(id)
	if ev == nil {
		return web.Explanation{}, web.ErrNotFound
	}
	return e.page(ev), nil
}

func (e explainer) page(ev *event.Event) web.Explanation {
	explained := explain(e.tree, e.receivers, ev)
	shown := web.Explanation{Trace: explained.Trace}
	for _, body := range explained.Bodies {
		shown.Payloads = append(shown.Payloads, web.Payload{Receiver: body.Receiver, Body: body.Body, Error: body.Error})
	}
	return shown
}
