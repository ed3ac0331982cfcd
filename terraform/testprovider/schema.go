package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// block is a resource or a block in one, as google.json has it.
type block struct {
	Attributes map[string]attribute
	Blocks     map[string]nested
}

type attribute struct {
	Type     typ
	Required *bool // nil: it can only be read
	Computed bool
}

type nested struct {
	block

	Nesting  string // list, set or single
	Required bool
	One      bool // no more than one of them
}

// typ is "string", "number", "bool", "dynamic", or ["list", ELEMENT] and so on.
type typ struct{ tftypes.Type }

func (t *typ) UnmarshalJSON(text []byte) error {
	var name string
	if json.Unmarshal(text, &name) == nil {
		t.Type = map[string]tftypes.Type{
			"string": tftypes.String, "number": tftypes.Number, "bool": tftypes.Bool, "dynamic": tftypes.DynamicPseudoType,
		}[name]
	} else {
		var of [2]json.RawMessage
		var element typ
		if err := json.Unmarshal(text, &of); err != nil {
			return err
		}
		if err := json.Unmarshal(of[1], &element); err != nil {
			return err
		}
		switch string(of[0]) {
		case `"list"`:
			t.Type = tftypes.List{ElementType: element.Type}
		case `"set"`:
			t.Type = tftypes.Set{ElementType: element.Type}
		case `"map"`:
			t.Type = tftypes.Map{ElementType: element.Type}
		}
	}
	if t.Type == nil {
		return fmt.Errorf("no such type: %s", text)
	}
	return nil
}

func schemasOf(described map[string]block) map[string]*tfprotov5.Schema {
	out := map[string]*tfprotov5.Schema{}
	for name, b := range described {
		out[name] = &tfprotov5.Schema{Block: b.schema()}
	}
	return out
}

func (b block) schema() *tfprotov5.SchemaBlock {
	out := &tfprotov5.SchemaBlock{}
	for _, name := range slices.Sorted(maps.Keys(b.Attributes)) {
		a := b.Attributes[name]
		// What the binding has no type for can only be read, and in a list Terraform could not carry it.
		if a.Type.Is(tftypes.DynamicPseudoType) {
			continue
		}
		out.Attributes = append(out.Attributes, &tfprotov5.SchemaAttribute{
			Name: name, Type: a.Type.Type, Computed: a.Computed,
			Required: a.Required != nil && *a.Required, Optional: a.Required != nil && !*a.Required,
		})
	}
	for _, name := range slices.Sorted(maps.Keys(b.Blocks)) {
		n := b.Blocks[name]
		s := &tfprotov5.SchemaNestedBlock{TypeName: name, Block: n.schema(), Nesting: map[string]tfprotov5.SchemaNestedBlockNestingMode{
			"list": tfprotov5.SchemaNestedBlockNestingModeList, "set": tfprotov5.SchemaNestedBlockNestingModeSet, "single": tfprotov5.SchemaNestedBlockNestingModeSingle,
		}[n.Nesting]}
		if n.Required && n.Nesting != "single" {
			s.MinItems = 1
		}
		if n.One && n.Nesting != "single" {
			s.MaxItems = 1
		}
		out.BlockTypes = append(out.BlockTypes, s)
	}
	return out
}
