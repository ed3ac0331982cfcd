package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/packetboat/packetboat/entrypoints/app"
)

// watchStatus shows the status until the command is interrupted: on a terminal in
// place, elsewhere a block or a line of JSON each time. A first look that fails
// is an error, such as a wrong kubeconfig; one later is shown, and the next may
// succeed.
func (c *command) watchStatus(ctx context.Context, a *app.App, interval time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-c.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	reader := a.StatusReader()
	for first := true; ; first = false {
		status, err := reader.Read(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && first {
			return err
		}
		if err := c.showStatus(status, err); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// showStatus shows one look, or why there is none.
func (c *command) showStatus(s app.Status, failed error) error {
	if failed != nil {
		fmt.Fprintf(c.stderr, "%s packetboat: %s\n", clock(), advise(failed))
		return nil
	}
	if c.output == "json" {
		return c.printStatus(c.stdout, s)
	}
	var text bytes.Buffer
	fmt.Fprintln(&text, clock())
	if err := c.printStatus(&text, s); err != nil {
		return err
	}
	if f, ok := c.stdout.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		width, height, err := term.GetSize(int(f.Fd()))
		if err == nil {
			return redraw(f, text.String(), width, height)
		}
	}
	_, err := fmt.Fprintln(c.stdout, text.String())
	return err
}

func clock() string { return time.Now().Format(time.TimeOnly) }

// The control sequences that every terminal in use has: to the top left corner,
// and clear from there on.
const (
	home  = "\x1b[H"
	erase = "\x1b[J"
)

// redraw puts text in place of what the terminal shows, in one write so that it
// does not flicker. What has no room is left out: a line that wraps, or one too
// many, would scroll the terminal.
func redraw(w io.Writer, text string, width, height int) error {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if more := len(lines) - (height - 1); more > 0 && height > 2 {
		lines = append(lines[:height-2], "and "+plural(int64(more+1), "more line"))
	}
	for i, line := range lines {
		if runes := []rune(line); width > 0 && len(runes) > width {
			lines[i] = string(runes[:width])
		}
	}
	_, err := io.WriteString(w, home+erase+strings.Join(lines, "\n")+"\n")
	return err
}
