package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/packetboat/packetboat/core/config"
)

// FuzzLoad holds the promises of Load for any input: no panic, a Config or an
// Error and never both, every problem with its file and a text, places that are
// in the file, and a Config that Lint can read.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/*/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds: %v", err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	opts := options()
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, problems := config.Load("c", data, opts)
		if (cfg == nil) != config.HasErrors(problems, false) {
			t.Fatalf("config %v with %v", cfg != nil, problems)
		}
		for _, p := range problems {
			if p.File != "c" || p.Text == "" || p.String() == "" {
				t.Fatalf("incomplete problem %#v", p)
			}
			if p.Line < 0 || p.Column < 0 || p.Line > len(data)+1 {
				t.Fatalf("place outside of the file: %#v", p)
			}
		}
		if cfg != nil {
			config.Lint(cfg)
		}
	})
}
