package peers

import "testing"

const (
	motoVersion = "5.2.1"
	botoVersion = "1.43.11"
)

// StartMoto gives moto_server, installed from PyPI once; false without LIVE: then
// the test has its own fake only.
func StartMoto(t testing.TB) (AWS, bool) {
	t.Helper()
	if !Live() {
		t.Log("peer: moto does not take part: LIVE is not set")
		return AWS{}, false
	}
	v := motoPackages(t)
	return newAWS(run(t, v.python(), "moto "+motoVersion, "/moto-api/", nil,
		func(host, port string) []string { return append(v.program("moto_server"), "-H", host, "-p", port) })), true
}

// motoPackages are moto and boto3, the client that is not ours.
func motoPackages(t testing.TB) venv {
	t.Helper()
	return pythonPackages(t, "moto-"+motoVersion+"-boto3-"+botoVersion, []string{"moto[server]==" + motoVersion, "boto3==" + botoVersion}, nil)
}
