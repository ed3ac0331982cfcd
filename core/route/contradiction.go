package route

import (
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// patterns of a rule, in a fixed order.
func patterns(r Rule) []Pattern {
	var all []Pattern
	for _, f := range fields() {
		all = append(all, f.pattern(&r))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
		all = append(all, r.Labels[name])
	}
	for _, name := range slices.Sorted(maps.Keys(r.Annotations)) {
		all = append(all, r.Annotations[name])
	}
	return slices.DeleteFunc(all, func(p Pattern) bool { return p.Text == "" })
}

// wanted are a rule's conditions but for not, by key.
func wanted(r Rule) map[string]string {
	texts := map[string]string{}
	for _, f := range fields() {
		if p := f.pattern(&r); p.Text != "" {
			texts[f.key] = p.Text
		}
	}
	for name, p := range r.Labels {
		texts["labels."+name] = p.Text
	}
	for name, p := range r.Annotations {
		texts["annotations."+name] = p.Text
	}
	return texts
}

func sameConditions(a, b Rule) bool {
	if a.MinCount != b.MinCount || (a.Not == nil) != (b.Not == nil) || !maps.Equal(wanted(a), wanted(b)) {
		return false
	}
	return a.Not == nil || sameConditions(*a.Not, *b.Not)
}

// implies reports whether every event that a matches is matched by b, as far as
// equal patterns show.
func implies(a, b Rule) bool {
	if b.Not != nil || b.MinCount > max(a.MinCount, 1) {
		return false
	}
	have := wanted(a)
	for key, text := range wanted(b) {
		if got, ok := have[key]; !ok || got != text {
			return false
		}
	}
	return true
}

// neverMatches finds expressions that no text can match: an empty class, or
// something before the beginning or after the end.
func neverMatches(pattern string) bool {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return false
	}
	parts := flat(re.Simplify())
	for i, p := range parts {
		switch {
		case p.Op == syntax.OpNoMatch, p.Op == syntax.OpCharClass && len(p.Rune) == 0:
			return true
		case p.Op == syntax.OpBeginText && slices.ContainsFunc(parts[:i], takesText),
			p.Op == syntax.OpEndText && slices.ContainsFunc(parts[i+1:], takesText):
			return true
		}
	}
	return false
}

func takesText(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return true
	case syntax.OpPlus:
		return takesText(re.Sub[0])
	default:
		return false
	}
}

// A name with stars and nothing else that an expression is made of.
var globOfNames = regexp.MustCompile(`^[A-Za-z0-9_/-]+(\*[A-Za-z0-9_/-]+)*\*?$`)

// meantAsGlob is the expression that was meant by a valid one which reads as a
// glob, such as kube-*; "" if the text does not.
func meantAsGlob(text string) string {
	if _, err := syntax.Parse(text, syntax.Perl); err != nil || !strings.Contains(text, "*") {
		return ""
	}
	alternatives := strings.Split(text, "|")
	for i, a := range alternatives {
		if !globOfNames.MatchString(a) {
			return ""
		}
		meant := "^" + strings.ReplaceAll(a, "*", ".*")
		if !strings.HasSuffix(a, "*") {
			meant += "$"
		}
		alternatives[i] = meant
	}
	return strings.Join(alternatives, "|")
}
