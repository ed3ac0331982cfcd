package terraform_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local/peers"
)

// cfn-lint knows CloudFormation's types and the language of state machines.
func TestTheStateMachineIsValid(t *testing.T) {
	lint := peers.CFNLint(t)
	if lint == nil {
		t.Skip("cfn-lint does not take part: LIVE is not set")
	}
	out, err := lint("fleets/step-functions.yaml").CombinedOutput()
	require.NoError(t, err, "%s", out)
	text, err := os.ReadFile("fleets/step-functions.yaml")
	require.NoError(t, err)
	wrong := t.TempDir() + "/wrong.yaml"
	require.NoError(t, os.WriteFile(wrong, []byte(strings.Replace(string(text), "Type: Pass", "Type: Skip", 1)), 0o600))
	require.Error(t, lint(wrong).Run(), "it looks into the definition")
}
