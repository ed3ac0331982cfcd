package app

import (
	"fmt"
	"go/ast"
	"go/token"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/sinks"
	sinksall "github.com/packetboat/packetboat/sinks/all"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// A probe finds out what the Open of a sink checks beyond its types, by asking
// it, from one example of its README: which keys must be set, which take a few
// words only, and which layouts must be mappings. So nothing has to be declared
// twice, and what the schema says of a sink is what the sink says.
type probe struct {
	t        *testing.T
	kind     sinks.Kind
	env      sinks.Env
	words    []string          // texts of the source: the values of a choice are among them
	leaves   map[string]string // what a key takes, by its path below the sink
	examples []map[string]any
}

// texts are of all the forms that keys ask for, and no word of a choice.
var texts = []string{
	"packetboat", "a", "1", "1.2.3", "a:1", "a/b", "a_total", "http://a", "nats://a:1", "projects/a/topics/b", "[a]",
	"12345678-1234-1234-1234-123456789012", "arn:aws:iam::123456789012:role/a",
	"a:YS5leGFtcGxlJGIkYw==", // an Elastic Cloud ID: a.example$b$c
	"{{ .Name }}", "a@example.com",
}

func probes(t *testing.T) []probe {
	t.Helper()
	schema := config.Schema(config.Options{Sinks: sinksall.Kinds()}, config.Facts{}, false)
	defs := schema["$defs"].(map[string]any)
	receiver := defs["receiver"].(map[string]any)["properties"].(map[string]any)
	shared := literals(t, "bulk", "archive")
	var found []probe
	for _, kind := range sinksall.Kinds() {
		p := probe{t: t, kind: kind, env: sinktest.Env(io.Discard), words: append(literals(t, kind.Name), shared...), leaves: map[string]string{}}
		p.walk(defs, receiver[kind.Name].(map[string]any), "")
		for _, text := range yamlBlocks(t, filepath.Join(module, "sinks", kind.Name, "README.md")) {
			var file struct {
				Receivers []map[string]yaml.Node `yaml:"receivers"`
			}
			require.NoError(t, yaml.Unmarshal([]byte(text), &file))
			for _, r := range file.Receivers {
				example, node := map[string]any{}, r[kind.Name]
				require.NoError(t, node.Decode(&example))
				p.examples = append(p.examples, example)
			}
		}
		require.NotEmpty(t, p.examples, kind.Name)
		found = append(found, p)
	}
	return found
}

// plainWord is what a choice may offer: no sentence, no template, no import path.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]*$`)

// literals are the words in the source of sinks, and no word at all.
func literals(t *testing.T, names ...string) []string {
	t.Helper()
	found := map[string]bool{"": true}
	for _, name := range names {
		for _, file := range sources(t, filepath.Join(module, "sinks", name)) {
			ast.Inspect(file, func(n ast.Node) bool {
				if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					text, err := strconv.Unquote(literal.Value)
					require.NoError(t, err)
					if plainWord.MatchString(text) {
						found[text] = true
					}
				}
				return true
			})
		}
	}
	return slices.Sorted(maps.Keys(found))
}

var fence = regexp.MustCompile("(?ms)^```yaml[^\n]*\n(.*?)^```$")

// yamlBlocks are the YAML examples of a page.
func yamlBlocks(t *testing.T, file string) []string {
	t.Helper()
	page, err := os.ReadFile(file)
	require.NoError(t, err)
	var blocks []string
	for _, found := range fence.FindAllStringSubmatch(string(page), -1) {
		blocks = append(blocks, found[1])
	}
	return blocks
}

// walk notes what each key takes: text, list of texts, anything.
func (p probe) walk(defs, schema map[string]any, path string) {
	if name, ok := schema["$ref"].(string); ok {
		name = strings.TrimPrefix(name, "#/$defs/")
		if _, nested := defs[name].(map[string]any)["properties"]; !nested {
			p.leaves[path] = name
			return
		}
		schema = defs[name].(map[string]any)
	}
	if item, ok := schema["else"].(map[string]any); ok && item["$ref"] == "#/$defs/text" {
		p.leaves[path] = "list"
	}
	properties, _ := schema["properties"].(map[string]any)
	for key, value := range properties {
		p.walk(defs, value.(map[string]any), strings.TrimPrefix(path+"."+key, "."))
	}
}

func (p probe) find(facts *config.Facts) {
	at := "receivers." + p.kind.Name
	for _, path := range slices.Sorted(maps.Keys(p.leaves)) {
		switch p.leaves[path] {
		case "text", "list":
			for _, example := range p.examples {
				if values := p.values(example, path); values != nil {
					facts.Values[at+"."+path] = values
					break
				}
			}
		case "anything":
			if p.wantsMapping(path) {
				facts.Mappings = append(facts.Mappings, at+"."+path)
			}
		}
	}
	// Another example may do without, because of a key that cannot stand beside.
	required := slices.DeleteFunc(p.required(p.examples[0]), func(keys []string) bool {
		return slices.ContainsFunc(p.examples, func(example map[string]any) bool {
			return !slices.ContainsFunc(keys, func(key string) bool { return example[key] != nil })
		})
	})
	if len(required) > 0 {
		facts.Required[at] = required
	}
}

// open says why the sink refuses a configuration, "" if it does not.
func (p probe) open(tree map[string]any) string {
	text, err := yaml.Marshal(tree)
	require.NoError(p.t, err)
	own := p.kind.NewConfig()
	if err := yaml.Unmarshal(text, own); err != nil {
		return err.Error()
	}
	env := p.env
	env.Metrics = prometheus.NewRegistry()
	s, err := p.kind.Open(p.t.Context(), own, env)
	if err != nil {
		return err.Error()
	}
	require.NoError(p.t, s.Close(p.t.Context()))
	return ""
}

// with is what open says if one key is set to a text, which it quotes as "?".
func (p probe) with(example map[string]any, path, text string) string {
	var value any = text
	if p.leaves[path] == "list" {
		value = []string{text}
	}
	return strings.ReplaceAll(p.open(p.set(example, path, value)), fmt.Sprintf("%q", text), "?")
}

// set is a copy of an example with one key set; what has a switch is on.
func (p probe) set(example map[string]any, path string, value any) map[string]any {
	tree := maps.Clone(example)
	if tree == nil {
		tree = map[string]any{}
	}
	key, rest, nested := strings.Cut(path, ".")
	if !nested {
		tree[key] = value
		return tree
	}
	below, _ := tree[key].(map[string]any)
	inner := p.set(below, rest, value)
	if p.leaves[strings.TrimSuffix(path, rest)+"enable"] != "" {
		inner["enable"] = true
	}
	tree[key] = inner
	return tree
}

// values are the words that a key takes, nil if it takes other texts too. They
// are those that do not get the answer that no text at all can avoid.
func (p probe) values(example map[string]any, path string) []string {
	refusal := p.with(example, path, texts[0])
	if refusal == "" {
		return nil
	}
	for _, text := range texts[1:] {
		if p.with(example, path, text) != refusal {
			return nil
		}
	}
	words := slices.Compact(slices.Sorted(slices.Values(append(p.words, wordsOf(refusal)...))))
	words = slices.DeleteFunc(words, func(word string) bool { return p.with(example, path, word) == refusal })
	if named := slices.DeleteFunc(slices.Clone(words), func(word string) bool { return word == "" }); len(named) < 2 {
		return nil
	}
	return words
}

func wordsOf(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(` ,"[]()`, r) })
}

func (p probe) wantsMapping(path string) bool {
	takes := func(value any) bool {
		return slices.ContainsFunc(p.examples, func(example map[string]any) bool { return p.open(p.set(example, path, value)) == "" })
	}
	return takes(map[string]string{"a": "b"}) && !takes("a") && !takes([]string{"a"})
}

// required are the keys that cannot be left out, each with those that can be
// set in its place. A key that another value of another key makes needless is
// not among them.
func (p probe) required(example map[string]any) [][]string {
	least := maps.Clone(example)
	without := func(key string) map[string]any {
		rest := maps.Clone(least)
		delete(rest, key)
		return rest
	}
	for _, key := range slices.Sorted(maps.Keys(least)) {
		if p.open(without(key)) == "" {
			least = without(key)
		}
	}
	var required [][]string
	for _, key := range slices.Sorted(maps.Keys(least)) {
		keys, needless := []string{key}, p.opensWithPartOf(without(key))
		for _, other := range slices.Sorted(maps.Keys(p.leaves)) {
			if other == key || strings.Contains(other, ".") || !p.helps(without(key), other) {
				continue
			}
			if _, set := least[other]; set {
				needless = true
			}
			keys = append(keys, other)
		}
		if !needless {
			required = append(required, keys)
		}
	}
	return required
}

// opensWithPartOf reports whether some of the keys are enough.
func (p probe) opensWithPartOf(tree map[string]any) bool {
	keys := slices.Sorted(maps.Keys(tree))
	for chosen := range 1 << len(keys) {
		part := map[string]any{}
		for i, key := range keys {
			if chosen&(1<<i) != 0 {
				part[key] = tree[key]
			}
		}
		if p.open(part) == "" {
			return true
		}
	}
	return false
}

// helps reports whether there is a text for a key with which the sink opens.
func (p probe) helps(tree map[string]any, key string) bool {
	if kind := p.leaves[key]; kind != "text" && kind != "list" {
		return false
	}
	refusal := p.with(tree, key, texts[0])
	if _, set := tree[key]; !set && refusal == p.open(tree) {
		return false // not even looked at
	}
	candidates := append(wordsOf(refusal), texts...)
	return slices.ContainsFunc(candidates, func(text string) bool { return p.with(tree, key, text) == "" })
}
