package app

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/packetboat/packetboat/core/config"
	sinksall "github.com/packetboat/packetboat/sinks/all"
	stateall "github.com/packetboat/packetboat/state/all"
)

// schemaFacts is what only the source knows: the comments of the fields, and
// what the sinks' own checks take. `make docs` writes it, a test says when it
// is old.
//
//go:embed schema_facts.json
var schemaFacts []byte

// Schema is the JSON Schema of every configuration that Check takes, indented.
// Unknown keys, of which Check warns, are refused if strict.
func Schema(strict bool) ([]byte, error) {
	var facts config.Facts
	if err := json.Unmarshal(schemaFacts, &facts); err != nil {
		return nil, fmt.Errorf("read the facts of the schema: %w", err)
	}
	schema := config.Schema(config.Options{Sinks: sinksall.Kinds(), Stores: stateall.Kinds()}, facts, strict)
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(schema); err != nil {
		return nil, fmt.Errorf("print the schema: %w", err)
	}
	return out.Bytes(), nil
}
