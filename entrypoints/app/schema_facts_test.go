package app

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/sinks"
	sinksall "github.com/packetboat/packetboat/sinks/all"
	"github.com/packetboat/packetboat/state"
	stateall "github.com/packetboat/packetboat/state/all"
)

const module = "../.."

func TestSchemaFactsAreTrue(t *testing.T) {
	t.Parallel()
	facts := config.Facts{
		Docs:   docs(t),
		Values: map[string][]string{}, Required: map[string][][]string{},
	}
	for _, p := range probes(t) {
		p.find(&facts)
	}
	for _, kind := range stateall.Kinds() {
		facts.Required["checkpoint."+kind.Name] = requiredOf(t, kind.NewConfig, func(c any) error {
			_, err := kind.Open(t.Context(), c, state.Env{})
			return err
		})
		if kind.OpenDeadLetters != nil {
			facts.Required["deadLetter."+kind.Name] = requiredOf(t, kind.NewDeadLetterConfig, func(c any) error {
				_, err := kind.OpenDeadLetters(t.Context(), c, state.Env{})
				return err
			})
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	require.NoError(t, encoder.Encode(facts))
	if flag.Lookup("update").Value.String() == "true" { // sinktest declares it
		require.NoError(t, os.WriteFile("schema_facts.json", out.Bytes(), 0o644))
		return
	}
	lines := func(text string) []string { return strings.Split(text, "\n") }
	only := func(a, b []string) []string {
		return slices.DeleteFunc(a, func(line string) bool { return slices.Contains(b, line) })
	}
	is, want := string(schemaFacts), out.String()
	if is != want { // Equal would print it all
		assert.Fail(t, "make docs writes schema_facts.json anew", "old: %q\nnew: %q",
			only(lines(is), lines(want)), only(lines(want), lines(is)))
	}
}

// requiredOf are the keys without which a store does not open: it names one at a time.
func requiredOf(t *testing.T, defaults func() any, open func(any) error) (required [][]string) {
	t.Helper()
	config, text := defaults(), ""
	for err := open(config); err != nil; err = open(config) {
		key, missing := strings.CutSuffix(err.Error()[strings.LastIndex(err.Error(), ": ")+2:], " is missing")
		require.True(t, missing, "%v", err)
		required, text = append(required, []string{key}), text+key+": a\n"
		require.NoError(t, yaml.Unmarshal([]byte(text), config))
	}
	return required
}

// declarations are the types of the folders with Configs.
type declarations struct {
	packages map[string]string          // what they do, by FOLDER
	types    map[string]string          // comments, by PACKAGE.TYPE
	fields   map[string]*ast.StructType // by FOLDER.TYPE
}

// docs are the comments of all fields with a key, by FOLDER.TYPE.FIELD, and what
// each package does, by FOLDER.
func docs(t *testing.T) map[string]string {
	t.Helper()
	s := declarations{packages: map[string]string{}, types: map[string]string{}, fields: map[string]*ast.StructType{}}
	for _, pattern := range []string{"core/config", "core/awsconfig", "core/route", "sinks", "sinks/*", "state/*"} {
		folders, err := filepath.Glob(filepath.Join(module, pattern))
		require.NoError(t, err)
		for _, folder := range folders {
			s.read(t, folder)
		}
	}
	all := s.packages
	for owner, fields := range s.fields {
		s.describe(owner, fields, all)
	}
	return all
}

func (s declarations) read(t *testing.T, folder string) {
	t.Helper()
	name, err := filepath.Rel(module, folder)
	require.NoError(t, err)
	for _, file := range sources(t, folder) {
		if file.Doc != nil && hasKind(name) {
			synopsis := new(doc.Package).Synopsis(file.Doc.Text())
			s.packages[name] = strings.TrimPrefix(synopsis, "Package "+file.Name.Name+" ")
		}
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, spec := range g.Specs {
				declared := spec.(*ast.TypeSpec)
				comment := declared.Doc
				if comment == nil {
					comment = g.Doc
				}
				s.types[filepath.Base(name)+"."+declared.Name.Name] = oneLine(comment)
				if fields, ok := declared.Type.(*ast.StructType); ok {
					s.fields[name+"."+declared.Name.Name] = fields
				}
			}
		}
	}
}

func hasKind(folder string) bool {
	return slices.ContainsFunc(sinksall.Kinds(), func(k sinks.Kind) bool { return folder == "sinks/"+k.Name }) ||
		slices.ContainsFunc(stateall.Kinds(), func(k state.Kind) bool { return folder == "state/"+strings.ToLower(k.Name) })
}

// sources are the parsed files of a folder, without its tests.
func sources(t *testing.T, folder string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, file)
	}
	return files
}

// describe finds the comment of each field of a struct: its own, else that of
// the fields above if it speaks of this one too, else that of its type.
func (s declarations) describe(owner string, fields *ast.StructType, all map[string]string) {
	above := ""
	for _, f := range fields.Fields.List {
		if f.Tag == nil {
			continue
		}
		key, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("yaml"), ",")
		own := oneLine(f.Doc)
		if own == "" {
			own = oneLine(f.Comment)
		}
		if own != "" {
			above = own
		}
		for _, name := range f.Names {
			text, subject := own, name.Name
			if text == "" && regexp.MustCompile(`\b`+name.Name+`\b`).MatchString(above) {
				text = above
			}
			if text == "" {
				folder, _, _ := strings.Cut(filepath.Base(owner), ".")
				subject = typeName(folder, f.Type)
				text = s.types[subject]
				_, subject, _ = strings.Cut(subject, ".")
			}
			if text == "" || key == "" || key == "-" {
				continue
			}
			if rest, found := strings.CutPrefix(text, subject+" "); found {
				text = key + " " + rest
			}
			all[owner+"."+name.Name] = text
		}
	}
}

// typeName is PACKAGE.TYPE of what a field holds.
func typeName(folder string, t ast.Expr) string {
	switch t := t.(type) {
	case *ast.Ident:
		return folder + "." + t.Name
	case *ast.SelectorExpr:
		if t.Sel.Name == "Template" {
			return "" // says nothing of this field
		}
		return t.X.(*ast.Ident).Name + "." + t.Sel.Name
	case *ast.StarExpr:
		return typeName(folder, t.X)
	}
	return ""
}

func oneLine(comment *ast.CommentGroup) string {
	return strings.Join(strings.Fields(comment.Text()), " ")
}
