package route

import (
	"fmt"
	"slices"

	"github.com/packetboat/packetboat/sinks"
)

// Finding is something legal but surely not meant.
type Finding struct {
	Position sinks.Position `json:"position"` // zero if it is about no one place
	Text     string         `json:"text"`
	Hint     string         `json:"hint,omitempty"`
}

// Lint looks for what is legal but surely wrong in a Route that Compile takes,
// in the order of the file. receivers are all configured names.
func Lint(root Route, receivers []string) []Finding {
	l := &linter{used: map[string]bool{}}
	l.route(root, true)
	for _, name := range receivers {
		if !l.used[name] {
			l.add(sinks.Position{}, "name it in a match rule: - receiver: "+name,
				"receiver %q gets no event: no rule that can be reached names it", name)
		}
	}
	return l.findings
}

type linter struct {
	used     map[string]bool
	findings []Finding
}

func (l *linter) add(at sinks.Position, hint, format string, args ...any) {
	l.findings = append(l.findings, Finding{Position: at, Text: fmt.Sprintf(format, args...), Hint: hint})
}

func (l *linter) route(r Route, reached bool) {
	dropsAll := false
	for _, rule := range r.Drop {
		if rule.IsEmpty() {
			dropsAll = true
			l.add(position(rule.Position, rule.Receiver.Position),
				"give it a condition, such as namespace or reason, or remove it; a key that is no rule key is no condition",
				"this drop rule has no condition, so that it drops every event")
		}
		if rule.Receiver.Name != "" {
			l.add(position(rule.Receiver.Position, rule.Position), "only match rules send to a receiver",
				"receiver %q in a drop rule is ignored", rule.Receiver.Name)
		}
		l.rule(rule)
	}
	if dropsAll && reached && len(r.Match)+len(r.Routes) > 0 {
		l.add(firstPlace(r), "", "nothing in this route is reached: its drop rules drop every event")
	}
	reached = reached && !dropsAll
	for _, rule := range r.Match {
		l.rule(rule)
		if reached && rule.Receiver.Name != "" {
			l.used[rule.Receiver.Name] = true
		}
	}
	l.withoutReceiver(r)
	l.twice(r.Match)
	for _, sub := range r.Routes {
		l.route(sub, reached)
	}
}

// firstPlace is where the unreached part of a route begins, as far as known.
func firstPlace(r Route) sinks.Position {
	for _, rule := range r.Match {
		if p := position(rule.Position, rule.Receiver.Position); p.Line != 0 {
			return p
		}
	}
	for _, sub := range r.Routes {
		for _, rule := range slices.Concat(sub.Drop, sub.Match) {
			if rule.Position.Line != 0 {
				return rule.Position
			}
		}
	}
	return sinks.Position{}
}

// withoutReceiver finds conditions that were meant for the receiver of the next
// list item: one dash too many.
func (l *linter) withoutReceiver(r Route) {
	conditional := slices.IndexFunc(r.Match, func(rule Rule) bool { return !rule.IsEmpty() && rule.Receiver.Name == "" })
	open := slices.IndexFunc(r.Match, func(rule Rule) bool { return rule.IsEmpty() && rule.Receiver.Name != "" })
	if conditional >= 0 && open >= 0 {
		rule := r.Match[open]
		l.add(position(rule.Position, rule.Receiver.Position),
			"to send only what matches, write the conditions and the receiver in one list item, under one dash",
			"receiver %q gets every event here: match rules do not restrict each other, and the rule with the condition%s has no receiver",
			rule.Receiver.Name, inLine(r.Match[conditional].Position))
		return
	}
	for _, rule := range r.Match {
		if rule.Receiver.Name == "" && len(r.Routes) == 0 {
			l.add(rule.Position, "add a receiver to it, or routes that it guards",
				"this match rule has no effect: it has no receiver, and the route has no routes below it")
		}
	}
}

func inLine(p sinks.Position) string {
	if p.Line == 0 {
		return ""
	}
	return fmt.Sprintf(" in line %d", p.Line)
}

// twice finds a receiver named by two rules of one list of which one matches
// all that the other does.
func (l *linter) twice(match []Rule) {
	for i, a := range match {
		for _, b := range match[:i] {
			if a.Receiver.Name == "" || a.Receiver.Name != b.Receiver.Name {
				continue
			}
			if a.IsEmpty() || b.IsEmpty() || sameConditions(a, b) {
				l.add(position(a.Receiver.Position, a.Position), "remove one of the two rules: the receiver gets the event once",
					"receiver %q gets the same event by this rule and by the one%s", a.Receiver.Name, inLine(b.Position))
				break
			}
		}
	}
}

// rule finds what is wrong within one rule, whatever it is used for.
func (l *linter) rule(r Rule) {
	if r.MinCount < 0 {
		l.add(r.Position, "", "minCount %d is always reached", r.MinCount)
	}
	if r.Type.Text != "" {
		if m, err := compilePattern(r.Type.Text); err == nil && !m.match("Normal") && !m.match("Warning") {
			l.add(position(r.Type.Position, r.Position), `write "Normal" or "Warning"`,
				"this rule never matches: an event's type is Normal or Warning, and %q is in neither", r.Type.Text)
		}
	}
	for _, p := range patterns(r) {
		if neverMatches(p.Text) {
			l.add(position(p.Position, r.Position), "", "this rule never matches: no text matches %q", p.Text)
		}
		if meant := meantAsGlob(p.Text); meant != "" {
			l.add(position(p.Position, r.Position), fmt.Sprintf("did you mean %q?", meant),
				"%q is read as a regular expression, in which * repeats the character before it", p.Text)
		}
	}
	if r.Not == nil {
		return
	}
	if r.Not.Receiver.Name != "" {
		l.add(position(r.Not.Receiver.Position, r.Position), "write it beside not",
			"receiver %q below not is ignored", r.Not.Receiver.Name)
	}
	if !r.Not.IsEmpty() && implies(r, *r.Not) {
		l.add(position(r.Not.Position, r.Position), "",
			"this rule never matches: what it asks for is what its not forbids")
	}
	l.rule(*r.Not)
}
