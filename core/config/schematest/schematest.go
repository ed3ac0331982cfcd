// Package schematest validates configurations in tests as an editor does: by
// the JSON Schema alone, as the file stands, variables not put in. It shares no
// code with what makes the schema or decodes a configuration.
package schematest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// Validator says what is wrong with the text of a configuration, nil if nothing is.
type Validator func(text string) error

// New compiles a schema, given as its JSON or as what marshals to it.
func New(t testing.TB, schema any) Validator {
	t.Helper()
	text, is := schema.([]byte)
	if !is {
		var err error
		text, err = json.Marshal(schema)
		require.NoError(t, err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("schema.json", document))
	compiled, err := compiler.Compile("schema.json")
	require.NoError(t, err)
	return func(text string) error {
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			return err
		}
		return compiled.Validate(plain(value))
	}
}

// plain is a value as a reader of YAML 1.2 has it: keys are texts, and so are times.
func plain(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for k, v := range value {
			value[k] = plain(v)
		}
	case map[any]any:
		texts := map[string]any{}
		for k, v := range value {
			texts[fmt.Sprint(k)] = plain(v)
		}
		return texts
	case []any:
		for i, v := range value {
			value[i] = plain(v)
		}
	case time.Time:
		return value.Format(time.RFC3339)
	}
	return value
}
