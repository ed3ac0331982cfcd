package peers

import (
	"net/http/httptest"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"
)

// S3 is a service that speaks S3's protocol. It takes path-style requests.
type S3 struct {
	Name      string
	Endpoint  string
	Region    string
	AccessKey string
	SecretKey string
	// Exact says that it answers failed conditions with the codes of AWS; the fake
	// answers If-Match on an absent key with 412 instead of 404.
	Exact bool
	// Server can be restarted; nil for the fake.
	Server *Server
}

// StartS3 gives a fake and, with LIVE, versitygw. The fake checks no signature.
func StartS3(t testing.TB) []S3 {
	t.Helper()
	fake := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	t.Cleanup(fake.Close)
	t.Log("peer: gofakes3, in process")
	peers := []S3{{Name: "gofakes3", Endpoint: fake.URL, Region: "us-east-1", AccessKey: "any", SecretKey: "any"}}
	if !Live() {
		t.Log("peer: versitygw does not take part: LIVE is not set")
		return peers
	}
	return append(peers, versitygw(t))
}

func versitygw(t testing.TB) S3 {
	t.Helper()
	const access, secret, region = "packetboat-test", "packetboat-test-secret", "us-east-1"
	data := t.TempDir()
	requireAttributes(t, data)
	gateway := program{name: "versitygw", pkg: "github.com/versity/versitygw/cmd/versitygw", version: "v1.8.0"}
	addr := freeAddr(t)
	server := startServer(t, gateway.build(t), gateway.name+" "+gateway.version, addr,
		[]string{"ROOT_ACCESS_KEY=" + access, "ROOT_SECRET_KEY=" + secret},
		[]string{"--port", addr, "--region", region, "-q", "posix", data})
	return S3{
		Name: "versitygw", Endpoint: "http://" + addr, Region: region,
		AccessKey: access, SecretKey: secret, Exact: true, Server: server,
	}
}

// requireAttributes: versitygw keeps what it knows of an object beside the file.
func requireAttributes(t testing.TB, dir string) {
	t.Helper()
	require.NoError(t, setAttribute(dir, "user.packetboat-test"),
		"versitygw needs a temporary directory with extended attributes: set TMPDIR")
}
