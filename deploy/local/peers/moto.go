package peers

import (
	"path/filepath"
	"testing"
)

const motoVersion = "5.2.1"

// StartMoto gives moto_server, installed from PyPI once; false without LIVE: then
// the test has its own fake only.
func StartMoto(t testing.TB) (AWS, bool) {
	t.Helper()
	if !Live() {
		t.Log("peer: moto does not take part: LIVE is not set")
		return AWS{}, false
	}
	venv := pythonPackages(t, "moto-"+motoVersion, []string{"moto[server]==" + motoVersion}, nil)
	return newAWS(run(t, filepath.Join(venv, "bin", "moto_server"), "moto "+motoVersion, "/moto-api/", nil,
		func(host, port string) []string { return []string{"-H", host, "-p", port} })), true
}
