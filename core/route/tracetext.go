package route

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// WriteText writes the trace for people, as an indented tree. Text out of the
// event is quoted, so that it cannot steer a terminal.
func (t Trace) WriteText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "event %s (%s)\n", shown(t.Event), shown(t.ID))
	t.Route.write(&b, 1)
	if len(t.Receivers) == 0 {
		b.WriteString("  no receiver gets it\n")
	}
	for _, r := range t.Receivers {
		fmt.Fprintf(&b, "  → %s, by %s\n", shown(r.Receiver), strings.Join(r.Rules, " and "))
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write trace: %w", err)
	}
	return nil
}

func (t Node) write(b *bytes.Buffer, depth int) {
	indent := strings.Repeat("  ", depth)
	fmt.Fprintf(b, "%s%s\n", indent, t.Path)
	for _, r := range t.Drop {
		r.write(b, indent+"  ", "drop", "dropped")
	}
	if t.Dropped {
		return
	}
	for _, r := range t.Match {
		verdict := "matches"
		if r.Receiver != "" {
			verdict = "matches, goes to " + shown(r.Receiver)
		}
		r.write(b, indent+"  ", "match", verdict)
	}
	if t.Skipped > 0 {
		fmt.Fprintf(b, "%s  subroutes not entered (%d): not every match rule matched\n", indent, t.Skipped)
	}
	for _, r := range t.Routes {
		r.write(b, depth+1)
	}
}

func (t RuleTrace) write(b *bytes.Buffer, indent, list, verdict string) {
	mark := "✗"
	if t.Matched {
		mark = "✓"
	}
	fmt.Fprintf(b, "%s%s %s%s", indent, mark, list, t.Path[strings.LastIndexByte(t.Path, '['):])
	if t.Line > 0 {
		fmt.Fprintf(b, " (line %d)", t.Line)
	}
	switch {
	case !t.Matched:
		fmt.Fprintf(b, ": %s\n", t.Failure)
	case len(t.Tested) == 0:
		fmt.Fprintf(b, ": %s (the rule has no conditions)\n", verdict)
	default:
		fmt.Fprintf(b, ": %s (%s)\n", verdict, shown(strings.Join(t.Tested, ", ")))
	}
}

// String says in words what failed.
func (f *Failure) String() string {
	word := "pattern"
	if f.Glob {
		word = "glob"
	}
	switch {
	case f.Key == "not":
		return fmt.Sprintf("not: the rule below it matches (%s)", shown(f.Value))
	case f.Key == "minCount":
		return fmt.Sprintf("minCount: %s is less than %s", f.Value, f.Pattern)
	case f.Missing:
		return fmt.Sprintf("%s: the object has none, so far as is known", shown(f.Key))
	default:
		return fmt.Sprintf("%s: %s does not match the %s %s", shown(f.Key), strconv.Quote(f.Value), word, strconv.Quote(f.Pattern))
	}
}

// shown leaves plain text as it is and quotes anything else.
func shown(s string) string {
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` || s == "" {
		return quoted
	}
	return s
}
