// Command testprovider is Google's Terraform provider as far as its schema goes,
// for tests where the real one cannot be had. Terraform checks the names, types
// and places of all that a module says against it, and `terraform test` mocks the
// rest. It knows nothing of what Google makes of the values, reaches no network and
// creates nothing.
//
// google.json has the schemas; schemas.mjs says where they come from.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

//go:embed google.json
var schemas []byte

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "testprovider:", err)
		os.Exit(1)
	}
}

func serve() error {
	var described struct {
		Data      map[string]block
		Resources map[string]block
	}
	if err := json.Unmarshal(schemas, &described); err != nil {
		return fmt.Errorf("read google.json: %w", err)
	}
	s := server{schema: tfprotov5.GetProviderSchemaResponse{
		Provider:          &tfprotov5.Schema{Block: providerBlock()},
		ResourceSchemas:   schemasOf(described.Resources),
		DataSourceSchemas: schemasOf(described.Data),
	}}
	return tf5server.Serve("registry.terraform.io/hashicorp/google", func() tfprotov5.ProviderServer { return s })
}

// providerBlock has what a configuration of the provider says most.
func providerBlock() *tfprotov5.SchemaBlock {
	out := &tfprotov5.SchemaBlock{}
	for _, name := range []string{"project", "region", "zone"} {
		out.Attributes = append(out.Attributes, &tfprotov5.SchemaAttribute{Name: name, Type: tftypes.String, Optional: true})
	}
	return out
}

// server answers about schemas. Terraform's mocks ask for nothing else, and what is
// not here panics, which a test would show.
type server struct {
	tfprotov5.ProviderServer

	schema tfprotov5.GetProviderSchemaResponse
}

func (s server) GetMetadata(context.Context, *tfprotov5.GetMetadataRequest) (*tfprotov5.GetMetadataResponse, error) {
	out := &tfprotov5.GetMetadataResponse{}
	for _, name := range slices.Sorted(maps.Keys(s.schema.ResourceSchemas)) {
		out.Resources = append(out.Resources, tfprotov5.ResourceMetadata{TypeName: name})
	}
	for _, name := range slices.Sorted(maps.Keys(s.schema.DataSourceSchemas)) {
		out.DataSources = append(out.DataSources, tfprotov5.DataSourceMetadata{TypeName: name})
	}
	return out, nil
}

func (s server) GetProviderSchema(context.Context, *tfprotov5.GetProviderSchemaRequest) (*tfprotov5.GetProviderSchemaResponse, error) {
	return &s.schema, nil
}

func (server) PrepareProviderConfig(_ context.Context, r *tfprotov5.PrepareProviderConfigRequest) (*tfprotov5.PrepareProviderConfigResponse, error) {
	return &tfprotov5.PrepareProviderConfigResponse{PreparedConfig: r.Config}, nil
}

// ValidateResourceTypeConfig refuses values for what can only be read, which is not
// Terraform's own to do.
func (s server) ValidateResourceTypeConfig(_ context.Context, r *tfprotov5.ValidateResourceTypeConfigRequest) (*tfprotov5.ValidateResourceTypeConfigResponse, error) {
	schema := s.schema.ResourceSchemas[r.TypeName]
	config, err := r.Config.Unmarshal(schema.ValueType())
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", r.TypeName, err)
	}
	var values map[string]tftypes.Value
	if err := config.As(&values); err != nil {
		return nil, fmt.Errorf("decode %s: %w", r.TypeName, err)
	}
	out := &tfprotov5.ValidateResourceTypeConfigResponse{}
	for _, a := range schema.Block.Attributes {
		if !a.Required && !a.Optional && !values[a.Name].IsNull() {
			out.Diagnostics = append(out.Diagnostics, &tfprotov5.Diagnostic{
				Severity: tfprotov5.DiagnosticSeverityError, Summary: "Read-only attribute",
				Detail: a.Name + " is set by Google.", Attribute: tftypes.NewAttributePath().WithAttributeName(a.Name),
			})
		}
	}
	return out, nil
}

func (server) ValidateDataSourceConfig(context.Context, *tfprotov5.ValidateDataSourceConfigRequest) (*tfprotov5.ValidateDataSourceConfigResponse, error) {
	return &tfprotov5.ValidateDataSourceConfigResponse{}, nil
}

func (server) StopProvider(context.Context, *tfprotov5.StopProviderRequest) (*tfprotov5.StopProviderResponse, error) {
	return &tfprotov5.StopProviderResponse{}, nil
}
