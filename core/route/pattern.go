package route

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// matcher is a compiled pattern. Most patterns are a plain word or an
// alternative of words, which need no regular expression.
type matcher struct {
	pattern  string
	all      bool     // matches every value
	contains []string // any of them is in the value
	equals   []string // any of them is the value
	re       *regexp.Regexp
	required string // is in every value that re matches
	glob     bool
}

func (m *matcher) match(value string) bool {
	switch {
	case m.all:
		return true
	case m.re != nil:
		return strings.Contains(value, m.required) && m.re.MatchString(value)
	case m.equals != nil:
		return slices.Contains(m.equals, value)
	}
	for _, s := range m.contains {
		if strings.Contains(value, s) {
			return true
		}
	}
	return false
}

// compilePattern reads a text as a regular expression, or else as a glob.
func compilePattern(text string) (*matcher, error) {
	re, err := regexp.Compile(text)
	expression := text
	if err != nil {
		if !readsAsGlob(text) {
			return nil, badPattern(text, err)
		}
		expression = globExpression(text)
		if re, err = regexp.Compile(expression); err != nil {
			return nil, badPattern(text, err)
		}
	}
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, badPattern(text, err)
	}
	parts := flat(parsed.Simplify())
	m := &matcher{pattern: text, glob: expression != text}
	if !m.simplify(parts) {
		m.re, m.required = re, required(parts)
	}
	return m, nil
}

func badPattern(text string, err error) error {
	var syntaxErr *syntax.Error
	if errors.As(err, &syntaxErr) {
		err = fmt.Errorf("%s in %q", syntaxErr.Code, syntaxErr.Expr)
	}
	return fmt.Errorf("pattern %q is neither a regular expression (%w) nor a glob such as %q", text, err, "*test*")
}

// readsAsGlob: only stars and question marks beside what names are made of.
func readsAsGlob(text string) bool {
	return strings.ContainsAny(text, "*?") && utf8.ValidString(text) && !strings.ContainsAny(text, `\[](){}+^$`)
}

// globExpression makes a glob, or alternatives of globs, a regular expression
// for the whole value.
func globExpression(text string) string {
	alternatives := strings.Split(text, "|")
	for i, a := range alternatives {
		a = regexp.QuoteMeta(a)
		a = strings.ReplaceAll(a, `\*`, `.*`)
		alternatives[i] = strings.ReplaceAll(a, `\?`, `.`)
	}
	return `(?s)^(?:` + strings.Join(alternatives, "|") + `)$`
}

// simplify reports whether the expression could be expressed without one. It
// only decides whether there is a match, so that what may be empty at either
// end of an unanchored expression is irrelevant.
func (m *matcher) simplify(parts []*syntax.Regexp) bool {
	if len(parts) >= 3 && parts[0].Op == syntax.OpBeginText && parts[len(parts)-1].Op == syntax.OpEndText {
		inner := parts[1 : len(parts)-1]
		if first, last := inner[0], inner[len(inner)-1]; len(inner) == 3 && isAnything(first) && isAnything(last) {
			m.contains = words(inner[1:2])
			return m.contains != nil
		}
		m.equals = words(inner)
		return m.equals != nil
	}
	for len(parts) > 0 && isStar(parts[0]) {
		parts = parts[1:]
	}
	for len(parts) > 0 && isStar(parts[len(parts)-1]) {
		parts = parts[:len(parts)-1]
	}
	if len(parts) == 0 {
		m.all = true
		return true
	}
	m.contains = words(parts)
	return m.contains != nil
}

// flat is the sequence of an expression's parts, groups opened.
func flat(re *syntax.Regexp) []*syntax.Regexp {
	switch re.Op {
	case syntax.OpCapture:
		return flat(re.Sub[0])
	case syntax.OpConcat:
		var parts []*syntax.Regexp
		for _, sub := range re.Sub {
			parts = append(parts, flat(sub)...)
		}
		return parts
	case syntax.OpEmptyMatch:
		return nil
	default:
		return []*syntax.Regexp{re}
	}
}

// words are the fixed texts that parts stand for: one literal, or alternatives
// of literals. nil if it is anything else.
func words(parts []*syntax.Regexp) []string {
	if len(parts) != 1 {
		return nil
	}
	re := parts[0]
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	switch re.Op {
	case syntax.OpLiteral:
		// U+FFFD also matches bytes that are not UTF-8; a plain search would not.
		if re.Flags&syntax.FoldCase != 0 || slices.Contains(re.Rune, utf8.RuneError) {
			return nil
		}
		return []string{string(re.Rune)}
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			w := words([]*syntax.Regexp{sub})
			if w == nil {
				return nil
			}
			all = append(all, w...)
		}
		return all
	default:
		return nil
	}
}

// required is the longest text that an expression cannot do without, "" if it has
// none. To look for it is ten times as fast as the expression.
func required(parts []*syntax.Regexp) (longest string) {
	for _, part := range parts {
		if part.Op != syntax.OpLiteral {
			continue
		}
		if literal := words([]*syntax.Regexp{part}); literal != nil && len(literal[0]) > len(longest) {
			longest = literal[0]
		}
	}
	return longest
}

func isStar(re *syntax.Regexp) bool { return re.Op == syntax.OpStar }

func isAnything(re *syntax.Regexp) bool {
	return re.Op == syntax.OpStar && re.Sub[0].Op == syntax.OpAnyChar
}
