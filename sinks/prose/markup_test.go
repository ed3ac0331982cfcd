package prose

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestVisible(t *testing.T) {
	assert.Equal(t, "\n a b ", Visible("\n\ta\u200b\u2028b\u202e\x00 "))
	assert.Equal(t, "a b", Clean("\n\ta\u200b\u2028b\u202e\x00 "))
	assert.Equal(t, "X Injected: yes", OneLine(" X\r\n Injected:\u200b yes\n"))
	group := crash()
	group.By[3].Value = "X\r\nInjected: yes"
	assert.Equal(t, "X Injected: yes", line(group).Reason)
	assert.Equal(t, "1,204 times · 50 objects · 2026-03-01 12:00:03 to 13:00:03 UTC", line(group).Facts())
}

func TestUnlinked(t *testing.T) {
	for text, want := range map[string]string{
		"see https://evil.example/x and HTTP://a": "see https:\u2060//evil.example/x and HTTP:\u2060//a",
		"www.evil.example WWW.x, bowwww.x":        "www\u2060.evil.example WWW\u2060.x, bowwww.x",
		"docker.io/library/nginx@sha256:ab":       "docker.io/library/nginx@sha256:ab",
	} {
		assert.Equal(t, want, Unlinked(text))
	}
}

func TestMarkdown(t *testing.T) {
	for text, want := range map[string]string{
		"*b* _i_ ~s~ `c` ||x|| \\":          "\\*b\\* \\_i\\_ \\~s\\~ \\`c\\` \\|\\|x\\|\\| \\\\",
		"[click](https://evil.example)":     `\[click\](https:` + joiner + `//evil.example)`,
		"# h\n> q\n- l\n  + l\nx\n===\n---": "\\# h\n\\> q\n\\- l\n  \\+ l\nx\n" + joiner + "===\n\\---",
		"@everyone (@here) a@b nginx@sha":   "@" + joiner + "everyone (@" + joiner + "here) a@b nginx@sha",
		"web-6d5f-abcde 0/3":                "web-6d5f-abcde 0/3",
	} {
		assert.Equal(t, want, Markdown(text), text)
	}
}
