// Package gcfsource packs the source of the Cloud Function for Google's Go
// buildpack: the packages that the function needs, their dependencies as go mod
// vendor lays them out, and at the module root the package in which the
// buildpack looks for the function.
//
// Two calls with the same source and options give the same bytes. Nothing is
// retried. Write may be called concurrently. It runs the go command, which takes
// modules that are not in its cache from the module proxy.
package gcfsource

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// function is the package that registers the functions.
const function = "./entrypoints/cloudfunction"

// Options say what is packed.
type Options struct {
	Root    string // of the repository
	Tags    string // as go build takes them: files that they leave out are not packed
	Version string // that the function reports
	Config  string // a file that becomes config.yaml beside the function; "" for none
}

// Write writes the archive, a zip file.
func Write(ctx context.Context, w io.Writer, o Options) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("pack function: %w", err)
		}
	}()
	stage, err := os.MkdirTemp("", "gcfsource-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	if err := o.stage(ctx, stage); err != nil {
		return err
	}
	// It looks at every tag and platform, so that the archive builds on each.
	if _, err := goCommand(ctx, stage, "mod", "vendor"); err != nil {
		return err
	}
	return zipDir(w, stage)
}

// stage copies what is ours.
func (o Options) stage(ctx context.Context, stage string) error {
	files := []string{"go.mod", "go.sum"}
	packages, err := o.packages(ctx)
	if err != nil {
		return err
	}
	for _, p := range packages {
		dir, err := filepath.Rel(o.Root, p.Dir)
		if err != nil {
			return err
		}
		for _, name := range append(p.GoFiles, p.EmbedFiles...) {
			files = append(files, filepath.Join(dir, name))
		}
	}
	for _, name := range files {
		if err := copyFile(filepath.Join(stage, name), filepath.Join(o.Root, name)); err != nil {
			return err
		}
	}
	if o.Config != "" {
		if err := copyFile(filepath.Join(stage, "config.yaml"), o.Config); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(stage, "function.go"), []byte(rootPackage), 0o600); err != nil {
		return err
	}
	// The buildpack takes no linker flags from the source.
	return os.WriteFile(filepath.Join(stage, function, "version.go"), fmt.Appendf(nil, "package cloudfunction\n\nvar version = %q\n", o.Version), 0o600)
}

// rootPackage is where the buildpack looks. That it imports functions says that
// the functions register themselves; funcframework is what the main that the
// buildpack writes imports, and must be vendored for it.
const rootPackage = `// Package function is the Cloud Function: see entrypoints/cloudfunction.
package function

import (
	_ "github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	_ "github.com/GoogleCloudPlatform/functions-framework-go/functions"

	_ "github.com/packetboat/packetboat/entrypoints/cloudfunction"
)
`

// listed is what go list says of a package.
type listed struct {
	Dir                 string
	GoFiles, EmbedFiles []string
	Module              *struct{ Main bool }
}

// packages are ours among those that the function needs on Google's machines.
func (o Options) packages(ctx context.Context) ([]listed, error) {
	out, err := goCommand(ctx, o.Root, "list", "-deps", "-tags", o.Tags, "-json=Dir,GoFiles,EmbedFiles,Module", function)
	if err != nil {
		return nil, err
	}
	var ours []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return ours, nil
		} else if err != nil {
			return nil, fmt.Errorf("read what go list says: %w", err)
		}
		if p.Module != nil && p.Module.Main {
			ours = append(ours, p)
		}
	}
}

// goCommand runs go for the platform of Cloud Functions, whatever this one is.
func goCommand(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", strings.Join(args[:2], " "), err, bytes.TrimSpace(said.Bytes()))
	}
	return out, nil
}

func copyFile(to, from string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}
