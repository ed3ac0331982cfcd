// Package prose puts events into words for people: a digest as a headline and
// lines, times and counts as one writes them, and texts that are cut where a
// service cuts and cannot do harm.
//
// Whoever may create events chose their texts. Clean takes out of them what
// changes how other text is shown; what a service's own markup means is for the
// sink to escape.
package prose

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/packetboat/packetboat/sinks"
)

// Line is a group of a digest in words. All texts are clean.
type Line struct {
	Warning bool
	Count   string // "1,204 times", "once"
	Reason  string // "" if the groups are not by reason
	What    string // the other fields that they are by, such as "shop · Pod · Deployment/web"
	Objects string // "50 objects", "" for one
	When    string // "12:00:03 to 12:58:41 UTC"
	Held    string // "(3 more since it was last told)", mostly ""
	Message string // of the newest event
}

// Lines are the groups that the digest names.
func Lines(d *sinks.Digest) []Line {
	lines := make([]Line, len(d.Groups))
	for i, g := range d.Groups {
		lines[i] = line(g)
	}
	return lines
}

func line(g sinks.Group) Line {
	l := Line{Warning: g.Warning, Count: Times(g.Count), When: Span(g.First, g.Last)}
	var what []string
	for _, field := range g.By {
		switch value := OneLine(field.Value); {
		case value == "":
		case field.Name == "reason":
			l.Reason = value
		default:
			what = append(what, value)
		}
	}
	l.What = strings.Join(what, " · ")
	if g.Objects > 1 {
		l.Objects = Number(int64(g.Objects)) + " objects"
	}
	if g.Suppressed > 0 {
		l.Held = fmt.Sprintf("(%s more since it was last told)", Number(g.Suppressed))
	}
	if g.Newest != nil {
		l.Message = Clean(g.Newest.Message)
	}
	return l
}

// Facts are how often, about how many objects and when, in one line.
func (l Line) Facts() string {
	return strings.Join(present(l.Count, l.Objects, l.When, l.Held), " · ")
}

// Headline says in one line what a digest is about.
func Headline(d *sinks.Digest) string {
	text := ""
	if d.Cluster != "" {
		text = OneLine(d.Cluster) + ": "
	}
	switch groups := len(d.Groups) + d.MoreGroups; {
	case len(d.Groups) == 1 && groups == 1:
		l := line(d.Groups[0])
		return text + strings.Join(present(l.Reason, l.What, l.Count), " · ")
	case len(d.Groups) == 0:
		return text + More(d)
	default:
		return text + fmt.Sprintf("%s in %s groups, %s", events(d.Count), Number(int64(groups)), Span(d.First, d.Last))
	}
}

// More is what the digest does not name: "and 37 more groups, 1,204 times", ""
// if there is nothing.
func More(d *sinks.Digest) string {
	switch d.MoreGroups {
	case 0:
		return ""
	case 1:
		return "and 1 more group, " + Times(d.MoreCount)
	}
	return fmt.Sprintf("and %s more groups, %s", Number(int64(d.MoreGroups)), Times(d.MoreCount))
}

func present(parts ...string) (those []string) {
	for _, p := range parts {
		if p != "" {
			those = append(those, p)
		}
	}
	return those
}

func events(n int64) string {
	if n == 1 {
		return "1 event"
	}
	return Number(n) + " events"
}

// Times is how often something happened.
func Times(n int64) string {
	if n == 1 {
		return "once"
	}
	return Number(n) + " times"
}

// Number groups digits by thousands.
func Number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Span is a time or two, in UTC, with the date where they differ in it.
func Span(from, to time.Time) string {
	if to.IsZero() {
		return "at an unknown time"
	}
	from, to = from.UTC(), to.UTC()
	const clock, full = "15:04:05", "2006-01-02 15:04:05"
	switch {
	case from.IsZero() || from.Truncate(time.Second).Equal(to.Truncate(time.Second)):
		return to.Format(full) + " UTC"
	case from.Format(time.DateOnly) == to.Format(time.DateOnly):
		return from.Format(full) + " to " + to.Format(clock) + " UTC"
	}
	return from.Format(full) + " to " + to.Format(full) + " UTC"
}

// Clean is a text on one or more lines without anything invisible: no control
// characters, nothing of no width, nothing that turns the direction of what
// follows. Text in scripts from right to left stays.
func Clean(text string) string { return strings.TrimSpace(Visible(text)) }

// OneLine is Clean without line breaks, for titles and names.
func OneLine(text string) string { return strings.Join(strings.Fields(Visible(text)), " ") }

const ellipsis = "…"

// Cut is at most n characters of a text; what was cut shows.
func Cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	if n < 1 {
		return ""
	}
	return string([]rune(text)[:n-1]) + ellipsis
}

// CutBytes is at most n bytes of a text, whole characters; what was cut shows.
func CutBytes(text string, n int) string {
	if len(text) <= n {
		return text
	}
	n -= len(ellipsis)
	if n < 0 {
		return ""
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + ellipsis
}
