package config

import (
	"fmt"
	"slices"

	"github.com/packetboat/packetboat/core/route"
	"github.com/packetboat/packetboat/sinks"
)

// Lint says what is legal in a loaded configuration but surely not meant, as
// warnings, in the order of the file.
func Lint(c *Config) []Problem {
	var problems []Problem
	warn := func(at sinks.Position, key, text, hint string) {
		problems = append(problems, Problem{
			File: c.File, Line: at.Line, Column: at.Column, Key: key, Severity: Warning, Text: text, Hint: hint,
		})
	}
	general := route.Lint(c.Route, nil)
	for _, f := range general {
		warn(f.Position, "route", f.Text, f.Hint)
	}
	switch {
	case len(c.Receivers) == 0:
		warn(sinks.Position{}, "receivers", "there are none: nothing is ever sent", "")
	case len(c.Route.Match)+len(c.Route.Routes) == 0:
		warn(sinks.Position{}, "route", "it names no receiver: nothing is ever sent",
			fmt.Sprintf("to send all, write route: {match: [{receiver: %s}]}", c.Receivers[0].Name))
	default:
		for _, r := range c.Receivers {
			for _, f := range route.Lint(c.Route, []string{r.Name})[len(general):] {
				warn(r.Position, r.Key, f.Text, f.Hint)
			}
		}
	}
	labels, annotations := c.Tree.Uses()
	if c.OmitLookup && (labels || annotations) {
		warn(sinks.Position{}, "omitLookup", "rules on labels or annotations never match: they are not looked up", "")
	}
	for _, name := range c.Namespaces() {
		if slices.Contains(c.Source.ExcludeNamespaces, name) {
			warn(sinks.Position{}, "source.excludeNamespaces", fmt.Sprintf("namespace %q is both read and excluded: it is not read", name), "")
		}
	}
	return sorted(problems)
}
