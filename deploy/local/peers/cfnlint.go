package peers

import (
	"os/exec"
	"testing"
)

const cfnLintVersion = "1.51.0"

// CFNLint gives a command that looks at a template of CloudFormation, installed
// from PyPI once; nil without LIVE.
func CFNLint(t testing.TB) func(file string) *exec.Cmd {
	t.Helper()
	if !Live() {
		t.Log("peer: cfn-lint does not take part: LIVE is not set")
		return nil
	}
	v := pythonPackages(t, "cfn-lint-"+cfnLintVersion, []string{"cfn-lint==" + cfnLintVersion}, nil)
	return func(file string) *exec.Cmd {
		return exec.CommandContext(t.Context(), v.python(), append(v.program("cfn-lint"), file)...)
	}
}
