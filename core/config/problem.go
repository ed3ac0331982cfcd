package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/packetboat/packetboat/sinks"
)

// Severity says whether a configuration can be used in spite of a problem.
type Severity string

// The two severities.
const (
	Error   Severity = "error"   // the configuration cannot be used
	Warning Severity = "warning" // it can, but surely does not say what was meant
)

// Problem is one thing that is wrong with a configuration, and where. It never
// holds a value of the configuration, which may be a secret, only keys, the
// names of receivers and variables, and patterns and templates in so far as
// their own errors quote them.
type Problem struct {
	File     string   `json:"file"`
	Line     int      `json:"line,omitempty"`   // from 1; 0 is the file as a whole
	Column   int      `json:"column,omitempty"` // from 1; 0 is the line as a whole
	Key      string   `json:"key,omitempty"`    // such as receivers[2].webhook.endpoint
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`
	Hint     string   `json:"hint,omitempty"` // what to do about it
	// Unknown marks the warning about a key that this program does not know,
	// which a strict caller takes for an error.
	Unknown bool `json:"unknown,omitempty"`
}

// String is the problem on one line: file:line:column: key: text, hint.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
		if p.Column > 0 {
			fmt.Fprintf(&b, ":%d", p.Column)
		}
	}
	for _, part := range []string{p.Key, p.Text} {
		if part == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(part)
	}
	if p.Hint != "" {
		b.WriteString(", " + p.Hint)
	}
	return b.String()
}

// HasErrors reports whether any of the problems makes the configuration
// unusable; strict counts unknown keys too.
func HasErrors(problems []Problem, strict bool) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool {
		return p.Severity == Error || strict && p.Unknown
	})
}

// ProblemFrom turns what a package said about the part of the configuration
// that it was given into problems of severity Error, one for each joined error.
// A sinks.PositionError anywhere in it gives line and column, and its text is
// not said twice. A nil error gives none.
func ProblemFrom(err error, file, key string) []Problem {
	if err == nil {
		return nil
	}
	at := Problem{File: file, Key: key, Severity: Error}
	return at.unwrap(err, "")
}

func (p Problem) unwrap(err error, prefix string) []Problem {
	switch e := err.(type) { //nolint:errorlint // this is the function that takes the chain apart, link by link
	case *sinks.PositionError:
		if e.Position.Line > 0 {
			p.Line, p.Column = e.Position.Line, e.Position.Column
		}
		return p.unwrap(e.Err, prefix)
	case interface{ Unwrap() []error }:
		if all := e.Unwrap(); err.Error() == errors.Join(all...).Error() {
			var problems []Problem
			for _, one := range all {
				problems = append(problems, p.unwrap(one, prefix)...)
			}
			return problems
		}
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			if before, ok := strings.CutSuffix(err.Error(), inner.Error()); ok {
				return p.unwrap(inner, prefix+before)
			}
		}
	}
	p.Text = prefix + err.Error()
	return []Problem{p}
}

func sorted(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return problems
}
