package render

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/sinks"
)

// source is a template's text with its place in the configuration file.
type source struct {
	text  string
	start sinks.Position // of the YAML scalar: its quote or block indicator, if it has one
	style yaml.Style
}

// templateSource guesses how the scalar was written, which sinks.Template does
// not keep: only a block (or rarely an escape) has line breaks, and a text that
// begins with a brace cannot be plain.
func templateSource(t sinks.Template) source {
	s := source{text: t.Text, start: t.Position}
	switch {
	case strings.Contains(t.Text, "\n"):
		s.style = yaml.LiteralStyle
	case strings.HasPrefix(t.Text, "{") && strings.Contains(t.Text, `"`):
		s.style = yaml.SingleQuotedStyle
	case strings.HasPrefix(t.Text, "{"):
		s.style = yaml.DoubleQuotedStyle
	}
	return s
}

func nodeSource(n *yaml.Node) source {
	start := place(n)
	if n.Anchor != "" {
		start.Column += len("& ") + len(n.Anchor)
	}
	if n.Style&yaml.TaggedStyle != 0 {
		start.Column += len(n.Tag) + len(" ")
	}
	return source{text: n.Value, start: start, style: n.Style}
}

// at is the place of text[offset] in the file. In a block the column is
// unknown (0), because YAML has taken the indentation away; in a folded block
// the line is the earliest that it can be.
func (s source) at(offset int) sinks.Position {
	if s.start.Line == 0 {
		return s.start
	}
	before := s.text[:min(max(offset, 0), len(s.text))]
	if s.style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return sinks.Position{Line: s.start.Line + 1 + strings.Count(before, "\n")}
	}
	column := s.start.Column + utf8.RuneCountInString(before)
	switch {
	case s.style&yaml.DoubleQuotedStyle != 0:
		// What is escaped takes two columns in the file.
		column += 1 + strings.Count(before, `"`) + strings.Count(before, `\`) +
			strings.Count(before, "\n") + strings.Count(before, "\t")
	case s.style&yaml.SingleQuotedStyle != 0:
		column += 1 + strings.Count(before, "'")
	}
	return sinks.Position{Line: s.start.Line, Column: column}
}

func (s source) errorf(offset int, format string, args ...any) error {
	return s.at(offset).Errorf(format, args...)
}

// The words of text/template: a parse error names the line, an execution error
// also the byte in the line, counted from 0, and quotes the action.
var templateError = regexp.MustCompile(
	`(?s)^template: ` + mainTemplate + `:(\d+):(?:(\d+):)? (?:executing "[^"]*" at <.*>: )?(.*)$`)

// located turns an error of text/template into one with its place in the file.
// The quoted action is left out: a template may hold a token as a constant.
func (s source) located(err error) error {
	m := templateError.FindStringSubmatch(err.Error())
	if m == nil {
		return s.errorf(0, "render template: %w", err)
	}
	line, _ := strconv.Atoi(m[1])
	column, _ := strconv.Atoi(m[2])
	offset := 0
	for ; line > 1; line-- {
		offset += strings.IndexByte(s.text[offset:], '\n') + 1
	}
	return s.errorf(offset+column, "template: %s", m[3])
}
