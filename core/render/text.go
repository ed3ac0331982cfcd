package render

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"text/template"
	"text/template/parse"

	"github.com/packetboat/packetboat/core/event"
)

// maxOutput bounds what one template gives, in bytes: a loop in a template must
// not take the memory of the process. An event itself is at most 1.5 MiB.
const maxOutput = 4 << 20

var errTooLarge = fmt.Errorf("the result is larger than %d MiB", maxOutput>>20)

const mainTemplate = "main"

// text is one compiled template. One without actions is a constant; one that is
// plain is appended without executing anything.
type text struct {
	constant string
	plain    plain
	tmpl     *template.Template
	source   source
	buffers  *sync.Pool
}

func (t *text) isConstant() bool { return t.tmpl == nil }

// text parses, inspects and executes once.
func (c *Compiler) text(s source) (*text, error) {
	if !strings.Contains(s.text, "{{") {
		return &text{constant: s.text, source: s}, nil
	}
	trees := map[string]*parse.Tree{}
	tree := parse.New(mainTemplate)
	tree.Mode = parse.SkipFuncCheck // inspect does it, and knows better what to say
	if _, err := tree.Parse(s.text, "", "", trees); err != nil {
		return nil, s.located(err)
	}
	found := inspect(s, trees, c.funcs, c.escape)
	if len(found.errs) > 0 {
		return nil, errors.Join(found.errs...)
	}
	tmpl := template.New(mainTemplate).Option("missingkey=zero").Funcs(found.funcs)
	for name, tree := range trees {
		if _, err := tmpl.AddParseTree(name, tree); err != nil {
			return nil, s.located(err)
		}
	}
	compiled := &text{
		tmpl: tmpl, source: s, plain: plainOf(tree),
		buffers: &sync.Pool{New: func() any { return new(limited) }},
	}
	if _, err := compiled.append(nil, event.Sample()); err != nil {
		return nil, err
	}
	c.record(found, compiled.tryBare()...)
	return compiled, nil
}

// tryBare finds templates that work on the sample only because it has
// everything: most events have no series and no related object.
func (t *text) tryBare() []error {
	ev := event.Sample()
	ev.Series, ev.Related = nil, nil
	if _, err := t.append(nil, ev); err != nil {
		return []error{fmt.Errorf("%w (on an event without .Series and .Related, as most are: "+
			"guard it with {{ with .Series }}...{{ end }}; such an event would become a dead letter)", err)}
	}
	return nil
}

// append adds the result for one event to dst. After an error dst is unchanged.
func (t *text) append(dst []byte, ev *event.Event) ([]byte, error) {
	if t.isConstant() {
		return append(dst, t.constant...), nil
	}
	if t.plain != nil {
		if out := t.plain.append(dst, ev); len(out)-len(dst) <= maxOutput {
			return out, nil
		}
		// Executing it says what is wrong.
	}
	buf := t.buffers.Get().(*limited)
	defer t.buffers.Put(buf)
	buf.reset()
	if err := t.tmpl.Execute(buf, ev); err != nil {
		return dst, t.source.located(err)
	}
	return append(dst, buf.b...), nil
}

// limited is a buffer that refuses to grow beyond maxOutput.
type limited struct{ b []byte }

func (l *limited) Write(p []byte) (int, error) {
	if len(l.b)+len(p) > maxOutput {
		return 0, errTooLarge
	}
	l.b = append(l.b, p...)
	return len(p), nil
}

// reset keeps only a buffer of ordinary size for the next event.
func (l *limited) reset() {
	if cap(l.b) > 64<<10 {
		l.b = nil
	}
	l.b = l.b[:0]
}
