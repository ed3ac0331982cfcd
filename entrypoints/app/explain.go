package app

import (
	"context"
	"fmt"
	"iter"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/route"
	"github.com/packetboat/packetboat/core/source"
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
	Error    string `json:"error,omitempty"`
}

// Explain says for each event of Options.Events which rules decided and what
// exactly would be sent. It sends nothing.
func (a *App) Explain(ctx context.Context) (iter.Seq2[Explanation, error], error) {
	if a.Events == "" {
		return nil, usage("no events named: use --events FILE, or --events - for standard input")
	}
	receivers, err := a.openSinks(ctx)
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
			if !yield(a.explain(ev, receivers), nil) {
				return
			}
		}
	}, nil
}

func (a *App) explain(ev *event.Event, receivers []opened) Explanation {
	e := Explanation{Trace: a.Config.Tree.Explain(ev), Bodies: []Body{}}
	for _, i := range a.Config.Tree.Route(ev, nil) {
		r := receivers[i]
		body := Body{Receiver: r.Name}
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
