package alert

import (
	"strings"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/prose"
)

// Most of a message that stands beside others, and of what they are by.
const (
	maxOfMany = 300
	maxWhat   = 400
)

// Describe is a digest in at most so many characters: a paragraph for each group,
// and what is not named. Of several groups it names fewer until they fit.
func Describe(d *sinks.Digest, limit int, escape func(string) string) string {
	if len(d.Groups) == 1 && d.MoreGroups == 0 {
		return prose.Cut(describe(d, limit, escape), limit)
	}
	text, _ := d.Fit(limit, func(d *sinks.Digest) ([]byte, error) { return []byte(describe(d, maxOfMany, escape)), nil })
	return prose.Cut(string(text), limit)
}

func describe(d *sinks.Digest, messages int, escape func(string) string) string {
	var paragraphs []string
	for _, l := range prose.Lines(d) {
		head := []string{prose.Cut(l.Reason, maxWhat), prose.Cut(l.What, maxWhat), l.Count, l.Objects, l.When, l.Held}
		paragraph := OneLine(strings.Join(present(head), " · "))
		if l.Message != "" {
			paragraph += "\n" + prose.Cut(l.Message, messages)
		}
		paragraphs = append(paragraphs, escape(paragraph))
	}
	return strings.Join(append(paragraphs, present([]string{prose.More(d)})...), "\n\n")
}

func present(texts []string) (those []string) {
	for _, t := range texts {
		if t != "" {
			those = append(those, t)
		}
	}
	return those
}
