package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A terminal shows what fits: what wraps or is one line too many would scroll it.
func TestRedrawFitsTheTerminal(t *testing.T) {
	const text = "one\nzwölf Zeichen\nthree\nfour\n\n"
	for _, c := range []struct {
		width, height int
		want          string
	}{
		{80, 24, "one\nzwölf Zeichen\nthree\nfour\n"},
		{80, 5, "one\nzwölf Zeichen\nthree\nfour\n"},
		{80, 4, "one\nzwölf Zeichen\nand 2 more lines\n"},
		{80, 3, "one\nand 3 more lines\n"},
		{6, 5, "one\nzwölf \nthree\nfour\n"},
		{0, 0, "one\nzwölf Zeichen\nthree\nfour\n"}, // a terminal that does not know its size
	} {
		var b bytes.Buffer
		require.NoError(t, redraw(&b, text, c.width, c.height))
		assert.Equal(t, "\x1b[H\x1b[J"+c.want, b.String(), "%dx%d", c.width, c.height)
	}
}
