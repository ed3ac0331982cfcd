package prose

import (
	"regexp"
	"strings"
	"unicode"
)

// joiner has no width and no meaning; what recognises an address or a mention by
// its characters does not find it with a joiner in between.
const joiner = "\u2060"

// Visible is Clean with the white space at both ends, for values in the middle of
// a text.
func Visible(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t' || r == '\r' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, text)
}

var addresses = regexp.MustCompile(`(?i)(:)(//)|\b(www)(\.)`)

// Unlinked is a text in which nothing is recognised as the address of a page.
func Unlinked(text string) string {
	return addresses.ReplaceAllString(text, "$1$3"+joiner+"$2$4")
}

var (
	marks      = regexp.MustCompile("[\\\\`*_~|\\[\\]>#]")
	lineStarts = regexp.MustCompile(`(?m)^(\s*)([-+])`)
	underlines = regexp.MustCompile(`(?m)^(\s*)=`)
	mentions   = regexp.MustCompile(`(^|[^\pL\pN_])@`)
)

// Markdown is a text that Markdown shows as it is: it formats nothing, links
// nowhere and mentions nobody. What < means is for the sink to escape.
func Markdown(text string) string {
	text = Unlinked(Visible(text))
	text = marks.ReplaceAllString(text, `\$0`)
	text = lineStarts.ReplaceAllString(text, `$1\$2`)
	text = underlines.ReplaceAllString(text, "$1"+joiner+"=")
	return mentions.ReplaceAllString(text, "$1@"+joiner)
}
