package main

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

// A page is what its payloads give, and its README shows the picture of it.
func TestThePreviewsAreOfThePayloads(t *testing.T) {
	for _, s := range services() {
		t.Run(s.name, func(t *testing.T) {
			folder := filepath.Join(root, filepath.FromSlash(s.folder()))
			want, err := s.page(os.DirFS(root))
			require.NoError(t, err)
			got, err := os.ReadFile(filepath.Join(folder, "preview.html"))
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got), "%s/preview.html is old: make previews", folder)

			picture, err := os.ReadFile(filepath.Join(folder, "preview.png"))
			require.NoError(t, err)
			assert.Less(t, len(picture), 60<<10, "small enough for the repository")
			_, err = png.DecodeConfig(bytes.NewReader(picture))
			require.NoError(t, err)
			readme, err := os.ReadFile(filepath.Join(folder, "README.md"))
			require.NoError(t, err)
			assert.Contains(t, string(readme), "](preview.png)")
		})
	}
}

var (
	brought = regexp.MustCompile(`(?i)(src|href)\s*=|@import|url\(`)
	active  = regexp.MustCompile(`(?i)<(script|object|embed|form|img|a)\b|\son[a-z]+\s*=`)
)

// A page brings along all that it shows, and a payload with hostile text makes
// nothing but text of it.
func TestThePagesAreHarmless(t *testing.T) {
	for _, s := range services() {
		page, err := s.page(os.DirFS(root))
		require.NoError(t, err)
		assert.NotRegexp(t, brought, string(page), s.name)
		assert.NotRegexp(t, active, string(page), s.name)
		assert.Contains(t, string(page), "hostile-text", s.name)
		assert.Contains(t, string(page), "DROP TABLE", s.name)
	}
}

// What a page shows of each service's own markup.
func TestMarkup(t *testing.T) {
	for in, want := range map[string]markup{
		"*bold* _it_ `code`":          "<b>bold</b> <i>it</i> <code>code</code>",
		"⚠ *x*\ny":                    "⚠ <b>x</b>\ny",
		"&lt;!channel&gt;":            "&lt;!channel&gt;",
		"<https://example.com|a & b>": "<u>a &amp; b</u>",
		"*two\nlines*":                "*two\nlines*",
	} {
		assert.Equal(t, want, mrkdwn(in))
	}
	for in, want := range map[string]markup{
		"":                          "",
		"**b** \\*x\\*\ny":          "<p><b>b</b> *x*<br>\ny</p>",
		"<script>alert(1)</script>": "<!-- raw HTML omitted -->",
	} {
		got, err := markdown(in)
		require.NoError(t, err)
		assert.Equal(t, want, markup(bytes.ReplaceAll([]byte(got), []byte("strong>"), []byte("b>"))))
	}
	assert.Equal(t, "#e01e5a", named("danger"))
	assert.Equal(t, "#123456", named("#123456"))
}

// A picture of another payload is another page.
func TestAPayloadThatCannotBeDrawnIsAnError(t *testing.T) {
	for _, s := range services() {
		_, err := s.read([]byte("{"))
		assert.Error(t, err, s.name)
	}
	_, err := readTeams([]byte(`{"attachments":[{"content":{"body":[{"type":"Chart"}]}}]}`))
	assert.EqualError(t, err, "a card with a Chart, which this program cannot draw")
}
