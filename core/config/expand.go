package config

import (
	"fmt"
	"slices"
	"strings"
)

// expansion is a text in which the variables have been replaced.
type expansion struct {
	text   string
	whole  bool     // the text was one variable and nothing else
	faults []string // why it could not be expanded, the first of each kind
}

const maxFaults = 10 // of one text

// expand replaces $NAME, ${NAME} and ${NAME:-default}; the default is taken for
// a variable that is not set or empty. $$ is a dollar sign, and so is a $ before
// anything that cannot be a name, so that regular expressions survive.
// Template actions, {{ ... }}, have variables of their own and are left alone.
func expand(text string, lookup func(string) (string, bool)) expansion {
	var out strings.Builder
	var faults []string
	whole := false
	for rest := text; rest != ""; {
		n := strings.IndexAny(rest, "${")
		if n < 0 {
			out.WriteString(rest)
			break
		}
		out.WriteString(rest[:n])
		rest = rest[n:]
		switch {
		case strings.HasPrefix(rest, "{{"):
			n = actionLength(rest)
			out.WriteString(rest[:n])
		case strings.HasPrefix(rest, "$$"):
			n = 2
			out.WriteByte('$')
		default:
			value, length, err := variable(rest, lookup)
			if err != nil && len(faults) < maxFaults && !slices.Contains(faults, err.Error()) {
				faults = append(faults, err.Error())
			}
			n = length
			whole = length == len(text)
			out.WriteString(value)
		}
		rest = rest[n:]
	}
	return expansion{text: out.String(), whole: whole, faults: faults}
}

// variable gives the value of the variable that s begins with and the length of
// its spelling. What is no variable stands for itself.
func variable(s string, lookup func(string) (string, bool)) (value string, length int, err error) {
	if s[0] != '$' {
		return s[:1], 1, nil
	}
	braced := strings.HasPrefix(s, "${")
	start := 1
	if braced {
		start = 2
	}
	name := s[start : start+nameLength(s[start:])]
	if name == "" {
		return s[:start], start, nil
	}
	end := start + len(name)
	if !braced {
		value, ok := lookup(name)
		return value, end, unset(ok, name)
	}
	otherwise, closed := strings.CutPrefix(s[end:], ":-")
	i := strings.IndexByte(otherwise, '}')
	if i < 0 || !closed && i != 0 {
		// What follows is not looked at: it would be told from this fault only by guessing.
		return "", len(s), fmt.Errorf("${%s is not closed as ${%s} or ${%s:-default}", name, name, name)
	}
	length = len(s) - len(otherwise) + i + 1
	value, ok := lookup(name)
	if closed {
		if value == "" {
			value = otherwise[:i]
		}
		return value, length, nil
	}
	return value, length, unset(ok, name)
}

func unset(ok bool, name string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("variable %s is not set", name)
}

func nameLength(s string) int {
	for i, c := range []byte(s) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if digit := '0' <= c && c <= '9'; !letter && (i == 0 || !digit) {
			return i
		}
	}
	return len(s)
}

// actionLength is the length of the template action that s begins with; one
// that is never closed reaches to the end. Quoted text in it may hold "}}".
func actionLength(s string) int {
	for i := 2; i < len(s); i++ {
		switch c := s[i]; {
		case strings.HasPrefix(s[i:], "}}"):
			return i + 2
		case strings.HasPrefix(s[i:], "/*"):
			n := strings.Index(s[i:], "*/")
			if n < 0 {
				return len(s)
			}
			i += n + 1
		case c == '"' || c == '\'' || c == '`':
			for i++; i < len(s) && s[i] != c; i++ {
				if s[i] == '\\' && c != '`' {
					i++
				}
			}
		}
	}
	return len(s)
}
