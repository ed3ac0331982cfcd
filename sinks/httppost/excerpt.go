package httppost

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/packetboat/packetboat/core/secret"
)

const (
	excerptRunes = 200
	excerptBytes = 8 << 10 // what is looked at to get them
	// Shorter values (POST, gzip, v1) would blot out innocent words.
	shortestSecret = 6
)

// excerpt is the start of an answer as one printable line. Services echo what
// they refuse, so everything of the request that may be secret is blotted out.
func excerpt(req *http.Request, body []byte, more ...secret.String) string {
	text := string(body[:min(len(body), excerptBytes)])
	for _, s := range more {
		if !s.IsZero() {
			text = strings.ReplaceAll(text, s.Reveal(), "<secret>")
		}
	}
	for _, s := range secretsOf(req) {
		text = strings.ReplaceAll(text, s, "<secret>")
	}
	return Line(text)
}

// Line is the start of a text out of an answer as one printable line. An answer
// is hostile text: no control characters or direction marks in a log.
func Line(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return ' '
	}, text[:min(len(text), excerptBytes)])
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > excerptRunes {
		text = string(runes[:excerptRunes]) + "..."
	}
	return text
}

// secretsOf lists what of a request must not come back in an error, longest
// first, so that no part is replaced inside of a whole.
func secretsOf(req *http.Request) []string {
	found := []string{req.URL.String(), req.URL.RequestURI(), req.URL.RawQuery, req.URL.Path}
	found = append(found, strings.Split(req.URL.Path, "/")...)
	found = append(found, strings.Split(req.URL.EscapedPath(), "/")...)
	if query, err := url.ParseQuery(req.URL.RawQuery); err == nil {
		for _, values := range query {
			found = append(found, values...)
		}
	}
	for name, values := range req.Header {
		if name == "Content-Type" || name == "Content-Encoding" || name == "User-Agent" {
			continue
		}
		for _, v := range values {
			found = append(found, v)
			found = append(found, strings.Fields(v)...) // "Bearer TOKEN"
		}
	}
	if _, password, ok := req.BasicAuth(); ok {
		found = append(found, password)
	}
	found = slices.DeleteFunc(found, func(s string) bool { return len(s) < shortestSecret })
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	return found
}
