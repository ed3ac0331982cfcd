package terraform_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// cfn-lint knows CloudFormation's types and the language of state machines.
func TestTheStateMachineIsValid(t *testing.T) {
	lint := tool(t, "cfn-lint", "CFN_LINT", "pip install cfn-lint")
	out, err := exec.CommandContext(t.Context(), lint, "fleets/step-functions.yaml").CombinedOutput()
	require.NoError(t, err, "%s", out)
	text, err := os.ReadFile("fleets/step-functions.yaml")
	require.NoError(t, err)
	wrong := t.TempDir() + "/wrong.yaml"
	require.NoError(t, os.WriteFile(wrong, []byte(strings.Replace(string(text), "Type: Pass", "Type: Skip", 1)), 0o600))
	require.Error(t, exec.CommandContext(t.Context(), lint, wrong).Run(), "it looks into the definition")
}
