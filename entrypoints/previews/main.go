// Command previews draws what the receivers for people send: from the golden
// payloads in their testdata, which the sinks' own tests pin, a page and a picture
// for the README of each. `make previews` runs it; a test says when a page is old.
//
// The pages show what a payload says, in the manner of the service; they are not
// the service's own rendering.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	root := flag.String("root", ".", "the repository")
	flag.Parse()
	if err := write(context.Background(), *root); err != nil {
		fmt.Fprintln(os.Stderr, "previews:", err)
		os.Exit(1)
	}
}

func write(ctx context.Context, root string) error {
	shoot, end := camera(ctx)
	defer end()
	for _, s := range services() {
		html, err := s.page(os.DirFS(root))
		if err != nil {
			return err
		}
		file := filepath.Join(root, filepath.FromSlash(s.folder()), "preview.html")
		if err := os.WriteFile(file, html, 0o644); err != nil { //nolint:gosec // as the rest of the repository
			return err
		}
		if shoot == nil {
			fmt.Println(file, "(and no picture: there is no chromium on the PATH)")
			continue
		}
		picture, err := shoot(file)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		file = filepath.Join(filepath.Dir(file), "preview.png")
		if err := os.WriteFile(file, picture, 0o644); err != nil { //nolint:gosec // as the rest of the repository
			return err
		}
		fmt.Println(file, len(picture), "bytes")
	}
	return nil
}
