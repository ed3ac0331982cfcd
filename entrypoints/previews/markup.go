package main

import (
	"bytes"
	"html/template"
	"regexp"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
)

var markdownRenderer = goldmark.New(
	goldmark.WithExtensions(extension.Strikethrough, extension.Linkify),
	goldmark.WithRendererOptions(html.WithHardWraps()),
)

// markdown is a text as Mattermost, Discord and Teams read it. Of HTML in it
// nothing is left.
func markdown(s string) (markup, error) {
	if s == "" {
		return "", nil
	}
	var b bytes.Buffer
	err := markdownRenderer.Convert([]byte(s), &b)
	return markup(bytes.TrimSpace(b.Bytes())), err //nolint:gosec // goldmark escapes
}

// What Slack reads. Its text has &, < and > escaped already, and in < > stand
// links and mentions.
var (
	slackAngle = regexp.MustCompile(`<([^<>|]+)(?:\|([^<>]*))?>`)
	slackMarks = []struct {
		find *regexp.Regexp
		tag  string
	}{
		{regexp.MustCompile("`([^`\n]+)`()"), "code"},
		{regexp.MustCompile(`\*([^*\n]+)\*()`), "b"},
		{regexp.MustCompile(`\b_([^_\n]+)_\b|^_([^_\n]+)_$`), "i"},
	}
)

func mrkdwn(s string) markup {
	var out []byte
	last := 0
	for _, at := range slackAngle.FindAllStringSubmatchIndex(s, -1) {
		out = append(out, s[last:at[0]]...)
		label := s[at[2]:at[3]]
		if at[4] >= 0 {
			label = s[at[4]:at[5]]
		}
		out = append(out, "<u>"+template.HTMLEscapeString(label)+"</u>"...)
		last = at[1]
	}
	out = append(out, s[last:]...)
	for _, mark := range slackMarks {
		out = mark.find.ReplaceAll(out, []byte("<"+mark.tag+">$1$2</"+mark.tag+">"))
	}
	return markup(out) //nolint:gosec // Slack's text is escaped, and a page whose text is not is for a test to find
}
