package app

import (
	"errors"
	"fmt"
	"strings"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/deliver"
	"github.com/packetboat/packetboat/core/digest"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// groupsOf compiles what a receiver's events are grouped by, and refuses what
// its sink cannot do.
func groupsOf(r config.Receiver, sink sinks.Sink, c sinks.Compiler) ([]digest.Field, error) {
	if _, ok := sink.(sinks.Digester); r.Digest != nil && !ok {
		return nil, r.Position.Errorf("receiver %q: %s makes no digests", r.Name, r.Kind.Name)
	}
	if _, ok := sink.(sinks.Resolver); r.AutoClose > 0 && !ok {
		return nil, r.Position.Errorf("receiver %q: %s has no alerts that could be closed", r.Name, r.Kind.Name)
	}
	var by []sinks.Template
	switch {
	case r.Digest != nil:
		by = r.Digest.By
	case r.Suppress != nil:
		by = r.Suppress.By
	}
	fields := make([]digest.Field, len(by))
	var problems []error
	for i, t := range by {
		var err error
		if fields[i], err = groupField(t, c); err != nil {
			problems = append(problems, fmt.Errorf("group by: %w", err))
		}
	}
	return fields, errors.Join(problems...)
}

// noValue is what a template says of a label that is not there.
const noValue = "<no value>"

func groupField(t sinks.Template, c sinks.Compiler) (digest.Field, error) {
	name := ""
	if text, isWord := config.GroupWords()[t.Text]; isWord {
		name, t.Text = t.Text, text
	}
	value, err := c.Template(t)
	return digest.Field{Name: name, Value: func(ev *event.Event) (string, error) {
		v, err := value(ev)
		return strings.ReplaceAll(v, noValue, ""), err
	}}, err
}

// The memories of all receivers together take at most half of a checkpoint, so
// that they never stop a commit.
const (
	memoryShare = 2
	mostMemory  = 64 << 10
)

func (a *App) digest(r opened, p purpose, o *deliver.Options) {
	o.MemoryBytes, o.AutoClose = mostMemory, r.AutoClose
	if p.limits.Bytes > 0 {
		// In the checkpoint it is base64, four bytes for three.
		o.MemoryBytes = min(mostMemory, p.limits.Bytes*3/4/memoryShare/len(a.Config.Receivers))
	}
	if r.Suppress != nil {
		o.Suppress = deliver.Suppress{For: r.Suppress.For, By: r.by}
	}
	if d := r.Digest; d != nil {
		o.Digest = &deliver.Digest{Options: digest.Options{
			By: r.by, PerGroup: d.As == config.DigestAsGroup, Top: d.Top, Suppress: o.Suppress.For,
		}}
		if p.watch {
			o.Digest.Every = d.Every
		}
	}
}
