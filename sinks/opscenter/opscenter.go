// Package opscenter creates an OpsItem of AWS Systems Manager for each event.
//
// Accepted means that the OpsItem exists: an item that is open under the same
// deduplication string counts too, so that a repetition makes no second one. The
// API takes one item in a request. Send makes one attempt and does not retry;
// nothing is connected before it. All methods may be called concurrently.
package opscenter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/awsclient"
)

// Kind is the opscenter sink.
var Kind = sinks.NewKind("opscenter", sinks.Now, defaults, open)

const (
	concurrency = 2
	dedupKey    = "/aws/dedup"
	maxDedup    = 64 // characters
)

// create is the one call that is made: the linker leaves the others out.
type create func(context.Context, *ssm.CreateOpsItemInput, ...func(*ssm.Options)) (*ssm.CreateOpsItemOutput, error)

type sink struct {
	config Config
	client *awsclient.Client[create]

	title, description, source, category, severity, priority, dedup template

	notifications []template
	data, tags    map[string]template
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{config: c, data: map[string]template{}, tags: map[string]template{}}
	if err := s.compile(env.Compiler); err != nil {
		return nil, err
	}
	var err error
	s.client, err = awsclient.New(c.AWS, env, func(c aws.Config) create { return ssm.NewFromConfig(c).CreateOpsItem })
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *sink) compile(compiler sinks.Compiler) error {
	one := func(name string, t sinks.Template) (template, error) {
		if t.IsZero() {
			return template{}, nil
		}
		render, err := compiler.Template(t)
		if err != nil {
			return template{}, fmt.Errorf("%s: %w", name, err)
		}
		return template{name, t.Position, render}, nil
	}
	c := s.config
	for _, field := range []struct {
		into *template
		name string
		from sinks.Template
	}{
		{&s.title, "title", c.Title},
		{&s.description, "description", c.Description},
		{&s.source, "source", c.Source},
		{&s.category, "category", c.Category},
		{&s.severity, "severity", c.Severity},
		{&s.priority, "priority", c.Priority},
		{&s.dedup, "dedupString", c.DedupString},
	} {
		var err error
		if *field.into, err = one(field.name, field.from); err != nil {
			return err
		}
	}
	for _, t := range c.Notifications {
		compiled, err := one("notifications", t)
		if err != nil {
			return err
		}
		s.notifications = append(s.notifications, compiled)
	}
	return errors.Join(each("operationalData", c.OperationalData, s.data, one), each("tags", c.Tags, s.tags, one))
}

func each(name string, from map[string]sinks.Template, into map[string]template,
	compile func(string, sinks.Template) (template, error),
) error {
	for _, key := range slices.Sorted(maps.Keys(from)) {
		compiled, err := compile(name+": "+key, from[key])
		if err != nil {
			return err
		}
		into[key] = compiled
	}
	return nil
}

func (s *sink) Limits() sinks.Limits { return sinks.Limits{Records: 1, Concurrency: concurrency} }

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	body, err := s.encode(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: ev.ID(), Event: ev, Body: body}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if err := awsclient.Fits(batch, s.Limits()); err != nil {
		return fmt.Errorf("create the OpsItem: %w", err)
	}
	if len(batch) == 0 {
		return nil
	}
	input, err := request(batch[0])
	if err != nil {
		return sinks.Permanent(fmt.Errorf("create the OpsItem: %w", err))
	}
	err = s.client.Do(ctx, func(ctx context.Context, create create) error {
		_, err := create(ctx, input)
		var there *types.OpsItemAlreadyExistsException
		if errors.As(err, &there) {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("create the OpsItem: %w", err)
	}
	return nil
}

// request is the encoded item as the API takes it.
func request(r sinks.Record) (*ssm.CreateOpsItemInput, error) {
	var i item
	if err := json.Unmarshal(r.Body, &i); err != nil {
		return nil, err
	}
	dedup, err := json.Marshal(map[string]string{"dedupString": dedupString(i.DedupString, r.ID)})
	if err != nil {
		return nil, err
	}
	input := &ssm.CreateOpsItemInput{
		Title: &i.Title, Description: &i.Description, Source: &i.Source,
		Category: optional(i.Category), Severity: optional(i.Severity),
		OperationalData: map[string]types.OpsItemDataValue{dedupKey: searchable(string(dedup))},
	}
	if i.Priority != 0 {
		input.Priority = &i.Priority
	}
	for _, arn := range i.Notifications {
		input.Notifications = append(input.Notifications, types.OpsItemNotification{Arn: &arn})
	}
	for _, id := range i.RelatedOpsItems {
		input.RelatedOpsItems = append(input.RelatedOpsItems, types.RelatedOpsItem{OpsItemId: &id})
	}
	for key, value := range i.OperationalData {
		input.OperationalData[key] = searchable(value)
	}
	for _, key := range slices.Sorted(maps.Keys(i.Tags)) {
		input.Tags = append(input.Tags, types.Tag{Key: &key, Value: aws.String(i.Tags[key])})
	}
	return input, nil
}

func searchable(value string) types.OpsItemDataValue {
	return types.OpsItemDataValue{Type: types.OpsItemDataTypeSearchableString, Value: &value}
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// dedupString is the user's or the event's ID; a longer one than OpsCenter takes
// is its digest, so that two long ones stay two.
func dedupString(text, id string) string {
	if text == "" {
		text = id
	}
	if len([]rune(text)) > maxDedup {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	return text
}

func (s *sink) Close(context.Context) error {
	s.client.Close()
	return nil
}
