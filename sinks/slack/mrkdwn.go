package slack

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/packetboat/packetboat/sinks/prose"
)

// See https://docs.slack.dev/messaging/formatting-message-text: these three, and
// Slack knows no way to escape its marks.
var (
	controls = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	quotes   = regexp.MustCompile(`(?m)^(\s*)&gt;`)
)

// lookalikes stand for marks where they would format what follows.
func lookalike(mark rune) rune {
	switch mark {
	case '*':
		return '∗'
	case '_':
		return 'ˍ'
	case '~':
		return '∼'
	case '`':
		return 'ˋ'
	}
	return mark
}

// mrkdwn is a text that Slack shows as it is: it mentions nobody, links nowhere
// and formats nothing. A mark between letters is none, so names stay as they are.
func mrkdwn(text string) string {
	runes := []rune(prose.Unlinked(prose.Visible(text)))
	inWord := func(i int) bool {
		return i >= 0 && i < len(runes) && (unicode.IsLetter(runes[i]) || unicode.IsDigit(runes[i]))
	}
	for i, r := range runes {
		if r == '`' || !inWord(i-1) || !inWord(i+1) {
			runes[i] = lookalike(r)
		}
	}
	return quotes.ReplaceAllString(controls.Replace(string(runes)), "$1\u2060&gt;")
}
