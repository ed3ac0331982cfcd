package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// jsonTag marks a text of a layout whose result is JSON and stands in the
// payload as such: count: !json "{{ .Count }}". Without it every result is a
// JSON string, as upstream, so that no existing layout changes its types.
const jsonTag = "!json"

// maxPayload bounds one payload, in bytes.
const maxPayload = 4 * maxOutput

// program is a compiled layout: its JSON with everything static precomputed,
// and a template after each piece but the last.
type program struct {
	pieces  []piece
	tail    []byte
	buffers sync.Pool
}

type piece struct {
	static []byte
	text   *text
	raw    bool // the result is JSON already
}

// buffers of one render: the payload so far, and the result of one template.
type scratch struct{ body, leaf []byte }

// layout compiles a layout of any shape.
func (c *Compiler) layout(node *yaml.Node) (*program, error) {
	b := &builder{compiler: c}
	b.value(node, 0)
	if len(b.errs) > 0 {
		return nil, errors.Join(b.errs...)
	}
	return &program{
		pieces: b.pieces, tail: b.static,
		buffers: sync.Pool{New: func() any { return new(scratch) }},
	}, nil
}

// render gives the payload for a template's dot.
func (p *program) render(dot *event.Event) ([]byte, error) {
	s := p.buffers.Get().(*scratch)
	defer p.release(s)
	s.body = s.body[:0]
	var err error
	for i := range p.pieces {
		piece := &p.pieces[i]
		s.body = append(s.body, piece.static...)
		if s.leaf, err = piece.text.append(s.leaf[:0], dot); err != nil {
			return nil, err
		}
		if !piece.raw {
			s.body = event.AppendString(s.body, s.leaf)
		} else if s.body, err = appendJSON(s.body, s.leaf); err != nil {
			return nil, piece.text.source.errorf(0, "%s: the result of the template is not JSON: %w", jsonTag, err)
		}
		if len(s.body) > maxPayload {
			return nil, piece.text.source.errorf(0, "the payload is larger than %d MiB", maxPayload>>20)
		}
	}
	return slices.Concat(s.body, p.tail), nil
}

// release keeps only buffers of ordinary size for the next event.
func (p *program) release(s *scratch) {
	if cap(s.body)+cap(s.leaf) <= 256<<10 {
		p.buffers.Put(s)
	}
}

// appendJSON puts a JSON text into another as encoding/json does: compact,
// safe in HTML and valid UTF-8. An empty one is null.
func appendJSON(dst, src []byte) ([]byte, error) {
	if len(bytes.TrimSpace(src)) == 0 {
		return append(dst, "null"...), nil
	}
	var compact, escaped bytes.Buffer
	if err := json.Compact(&compact, bytes.ToValidUTF8(src, []byte("\ufffd"))); err != nil {
		return dst, err
	}
	json.HTMLEscape(&escaped, compact.Bytes())
	return append(dst, escaped.Bytes()...), nil
}

// A layout has at most so many values, aliases resolved, at such a depth: a few
// aliases of aliases would else take all memory.
const (
	maxNodes = 10_000
	maxDepth = 100
)

// builder turns a YAML tree into pieces.
type builder struct {
	compiler *Compiler
	pieces   []piece
	static   []byte // not yet in a piece
	nodes    int
	tooLarge bool // said already
	errs     []error
}

func (b *builder) fail(n *yaml.Node, format string, args ...any) {
	b.errs = append(b.errs, place(n).Errorf(format, args...))
}

func place(n *yaml.Node) sinks.Position { return sinks.Position{Line: n.Line, Column: n.Column} }

func (b *builder) value(n *yaml.Node, depth int) {
	if b.nodes++; b.nodes > maxNodes || depth > maxDepth {
		if !b.tooLarge {
			b.fail(n, "layout: more than %d values, or nested deeper than %d", maxNodes, maxDepth)
		}
		b.tooLarge = true
		return
	}
	switch n.Kind {
	case yaml.AliasNode:
		b.value(n.Alias, depth+1)
	case yaml.MappingNode:
		b.mapping(n, depth)
	case yaml.SequenceNode:
		b.static = append(b.static, '[')
		for i, item := range n.Content {
			if i > 0 {
				b.static = append(b.static, ',')
			}
			b.value(item, depth+1)
		}
		b.static = append(b.static, ']')
	case yaml.ScalarNode:
		b.scalar(n)
	default:
		b.fail(n, "layout: want a mapping, a list or a scalar")
	}
}

func (b *builder) mapping(n *yaml.Node, depth int) {
	entries, errs := flatten(n)
	b.errs = append(b.errs, errs...)
	b.static = append(b.static, '{')
	for i, e := range entries {
		if i > 0 {
			b.static = append(b.static, ',')
		}
		b.static = append(event.AppendString(b.static, []byte(e.key)), ':')
		b.value(e.value, depth+1)
	}
	b.static = append(b.static, '}')
}

func (b *builder) scalar(n *yaml.Node) {
	switch tag := n.ShortTag(); tag {
	case "!!str", "!!timestamp": // a date is written as it stands
		b.text(n, false)
	case jsonTag:
		b.text(n, true)
	case "!!null":
		b.static = append(b.static, "null"...)
	case "!!bool":
		var v bool
		if err := n.Decode(&v); err != nil {
			b.fail(n, "layout: %w", err)
			return
		}
		b.static = strconv.AppendBool(b.static, v)
	case "!!int", "!!float":
		b.number(n)
	default:
		b.fail(n, "layout: the tag %s is not known: there is %s for a template that gives JSON", tag, jsonTag)
	}
}

// number writes a decimal as it stands, with all of its digits.
func (b *builder) number(n *yaml.Node) {
	if json.Valid([]byte(n.Value)) {
		b.static = append(b.static, n.Value...)
		return
	}
	var v any
	if err := n.Decode(&v); err != nil {
		b.fail(n, "layout: %w", err)
		return
	}
	if f, is := v.(float64); is && (math.IsInf(f, 0) || math.IsNaN(f)) {
		b.fail(n, "layout: JSON has no number %s: quote it to send it as a text", n.Value)
		return
	}
	b.static = fmt.Append(b.static, v)
}

func (b *builder) text(n *yaml.Node, raw bool) {
	t, err := b.compiler.text(nodeSource(n))
	switch {
	case err != nil:
		b.errs = append(b.errs, err)
	case !t.isConstant():
		b.pieces = append(b.pieces, piece{static: b.static, text: t, raw: raw})
		b.static = nil
	case !raw:
		b.static = event.AppendString(b.static, []byte(t.constant))
	default:
		if b.static, err = appendJSON(b.static, []byte(t.constant)); err != nil {
			b.fail(n, "%s: the text is not JSON: %w", jsonTag, err)
		}
	}
}
