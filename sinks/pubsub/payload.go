package pubsub

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// What Pub/Sub takes: https://cloud.google.com/pubsub/quotas#resource_limits.
const (
	maxMessages     = 1000
	maxRequest      = 10_000_000
	maxAttributes   = 100
	maxAttributeKey = 256
	maxText         = 1024 // bytes of an attribute's value and of an ordering key
)

// maxBytes leaves a tenth of a request to what comes beside the payloads.
const maxBytes = maxRequest / 10 * 9

// idAttribute is the event's ID: whoever reads a repetition knows it by that.
const idAttribute = "id"

// templates are what of a message is rendered beside its payload.
type templates struct {
	attributes  map[string]func(*event.Event) (string, error)
	orderingKey func(*event.Event) (string, error)
}

func (c Config) compile(compiler sinks.Compiler) (templates, error) {
	t := templates{attributes: map[string]func(*event.Event) (string, error){}}
	for _, name := range slices.Sorted(maps.Keys(c.Attributes)) {
		render, err := compiler.Template(c.Attributes[name])
		if err != nil {
			return templates{}, fmt.Errorf("attributes: %s: %w", name, err)
		}
		t.attributes[name] = render
	}
	var err error
	if t.orderingKey, err = compiler.Template(c.OrderingKey); err != nil {
		return templates{}, fmt.Errorf("orderingKey: %w", err)
	}
	return t, nil
}

func (t templates) attributesOf(ev *event.Event) (map[string]string, error) {
	attributes := map[string]string{idAttribute: fit(ev.ID())}
	for name, render := range t.attributes {
		value, err := render(ev)
		if err != nil {
			return nil, fmt.Errorf("attributes: %s: %w", name, err)
		}
		attributes[name] = fit(value)
	}
	return attributes, nil
}

func (t templates) orderingKeyOf(ev *event.Event) (string, error) {
	key, err := t.orderingKey(ev)
	if err != nil {
		return "", fmt.Errorf("orderingKey: %w", err)
	}
	return fit(key), nil
}

// message does not keep the body: gRPC may still read it after a cancelled call.
func (t templates) message(r sinks.Record) (*pubsubpb.PubsubMessage, error) {
	attributes, err := t.attributesOf(r.Event)
	if err != nil {
		return nil, err
	}
	if _, own := t.attributes[idAttribute]; !own {
		attributes[idAttribute] = fit(r.ID)
	}
	return &pubsubpb.PubsubMessage{Data: slices.Clone(r.Body), Attributes: attributes, OrderingKey: r.Key}, nil
}

// fit makes a text one that the service takes: an event whose text is long is
// worth more with a shorter attribute than as a dead letter.
func fit(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	limit := maxText
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
