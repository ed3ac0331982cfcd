package all

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// folders are the folders beside this one whose package declares a Kind.
func folders(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("..")
	require.NoError(t, err)
	var found []string
	for _, e := range entries {
		if e.IsDir() && slices.Contains(exported(t, filepath.Join("..", e.Name())), "Kind") {
			found = append(found, e.Name())
		}
	}
	return found
}

// exported are the names that the package in a folder declares for others.
func exported(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	var names []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			names = append(names, declared(d)...)
		}
	}
	return slices.DeleteFunc(names, func(n string) bool { return !ast.IsExported(n) })
}

func declared(d ast.Decl) []string {
	if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
		return []string{f.Name.Name}
	}
	g, ok := d.(*ast.GenDecl)
	if !ok {
		return nil
	}
	var names []string
	for _, spec := range g.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			names = append(names, s.Name.Name)
		case *ast.ValueSpec:
			for _, n := range s.Names {
				names = append(names, n.Name)
			}
		}
	}
	return names
}

func TestEveryFolderIsInTheList(t *testing.T) {
	var names []string
	for _, k := range Kinds() {
		names = append(names, k.Name)
	}
	assert.True(t, slices.IsSorted(names))
	assert.Equal(t, folders(t), names, "folder = config key = line in the list")
}

func TestEverySinkIsLikeTheOthers(t *testing.T) {
	for _, k := range Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			folder := filepath.Join("..", k.Name)
			for _, name := range []string{k.Name + ".go", "config.go", k.Name + "_test.go", "README.md", "testdata"} {
				_, err := os.Stat(filepath.Join(folder, name))
				assert.NoError(t, err)
			}
			names := exported(t, folder)
			slices.Sort(names)
			assert.Equal(t, []string{"Config", "Kind"}, names, "exported")
			assert.Contains(t, []sinks.Start{sinks.Oldest, sinks.Now}, k.Start)
			assert.True(t, runsTheSuite(t, folder), "calls sinktest.Run")
		})
	}
}

func runsTheSuite(t *testing.T, folder string) bool {
	t.Helper()
	found := false
	for _, file := range tests(t, folder) {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Run" {
				if x, ok := f.X.(*ast.Ident); ok && x.Name == "sinktest" {
					found = true
				}
			}
			return true
		})
	}
	return found
}

// tests are a folder's test files.
func tests(t *testing.T, folder string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	require.NoError(t, err)
	files := make([]*ast.File, 0, len(names))
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, file)
	}
	return files
}

func testNames(t *testing.T, folder string) []string {
	t.Helper()
	var names []string
	for _, file := range tests(t, folder) {
		for _, d := range file.Decls {
			names = append(names, declared(d)...)
		}
	}
	return names
}

func TestEveryExampleIsAConfiguration(t *testing.T) {
	for _, k := range Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			readme, err := os.ReadFile(filepath.Join("..", k.Name, "README.md"))
			require.NoError(t, err)
			blocks := yamlBlocks(string(readme))
			require.NotEmpty(t, blocks)
			require.True(t, strings.HasPrefix(blocks[0], "receivers:"), "the first YAML block begins with receivers:")
			for _, block := range blocks {
				openExample(t, k, block)
			}
		})
	}
}

// openExample opens each receiver of a block.
func openExample(t *testing.T, k sinks.Kind, block string) {
	t.Helper()
	for _, config := range examples(t, k, block) {
		s, err := k.Open(t.Context(), config, sinktest.Env(io.Discard))
		require.NoError(t, err, block)
		require.NoError(t, s.Close(t.Context()))
	}
}

// examples are the Configs of a block's receivers, decoded without mercy.
func examples(t *testing.T, k sinks.Kind, block string) []any {
	t.Helper()
	var file struct {
		Receivers []map[string]yaml.Node `yaml:"receivers"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(block), &file))
	require.NotEmpty(t, file.Receivers)
	configs := make([]any, 0, len(file.Receivers))
	for _, r := range file.Receivers {
		require.Contains(t, r, "name")
		node, ok := r[k.Name]
		require.True(t, ok, "a receiver of kind %s", k.Name)
		text, err := yaml.Marshal(&node)
		require.NoError(t, err)
		config := k.NewConfig()
		decoder := yaml.NewDecoder(bytes.NewReader(text))
		decoder.KnownFields(true)
		require.NoError(t, decoder.Decode(config), block)
		configs = append(configs, config)
	}
	return configs
}

// Every key that a Config has stands in its README.
func TestEveryKeyIsDescribed(t *testing.T) {
	for _, k := range Kinds() {
		readme, err := os.ReadFile(filepath.Join("..", k.Name, "README.md"))
		require.NoError(t, err)
		for _, key := range keys(k.NewConfig()) {
			assert.Contains(t, string(readme), "| `"+key+"` |", "%s/README.md", k.Name)
		}
	}
}

func TestTheTableInTheReadmeIsTrue(t *testing.T) {
	const head = "| receiver | begins at | requests per 1,000 events | what it is |\n"
	var table strings.Builder
	table.WriteString(head + "| --- | --- | ---: | --- |\n")
	for _, k := range Kinds() {
		fmt.Fprintf(&table, "| [`%s`](%s/README.md) | %s | %s | %s |\n",
			k.Name, k.Name, k.Start, requestsPerThousand(t, k), firstSentence(t, k.Name))
	}
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(readme), head)
	require.True(t, found)
	_, after, found := strings.Cut(rest, "\n\n")
	require.True(t, found)
	want := before + table.String() + "\n" + after
	if flag.Lookup("update").Value.String() == "true" {
		require.NoError(t, os.WriteFile("../README.md", []byte(want), 0o644))
		return
	}
	assert.Equal(t, want, string(readme), "make docs writes the table")
}

// firstSentence is the one below the title of a sink's README.
func firstSentence(t *testing.T, name string) string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join("..", name, "README.md"))
	require.NoError(t, err)
	paragraphs := strings.Split(string(readme), "\n\n")
	require.Greater(t, len(paragraphs), 1)
	require.Equal(t, "# "+name, paragraphs[0])
	sentence, _, found := strings.Cut(strings.ReplaceAll(paragraphs[1], "\n", " "), ". ")
	if found {
		sentence += "."
	}
	return sentence
}

func yamlBlocks(text string) []string {
	var blocks []string
	for {
		_, rest, found := strings.Cut(text, "```yaml\n")
		if !found {
			return blocks
		}
		var block string
		block, text, _ = strings.Cut(rest, "```")
		blocks = append(blocks, block)
	}
}
