package peers

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ZincSearch has the bulk API of Elasticsearch and OpenSearch. It reports no
// error of a single document and shows the happy path only.
type ZincSearch struct{ URL, Username, Password string }

const zincVersion = "v0.4.10"

// zincMain is its web server without what its own main needs beside that: a part
// of it does not compile with this Go.
const zincMain = `package main

import (
	"log"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/zincsearch/zincsearch/pkg/config"
	"github.com/zincsearch/zincsearch/pkg/routes"
)

func main() {
	app := gin.New()
	routes.Setup(app)
	log.Fatal(http.ListenAndServe(config.Global.ServerAddress+":"+config.Global.ServerPort, app))
}
`

// StartZincSearch gives ZincSearch; false without LIVE: then the test has its
// own fake only.
func StartZincSearch(t testing.TB) (ZincSearch, bool) {
	t.Helper()
	if !Live() {
		t.Log("peer: ZincSearch does not take part: LIVE is not set")
		return ZincSearch{}, false
	}
	z := ZincSearch{Username: "admin", Password: "Complexpass#123"}
	env := []string{
		"ZINC_FIRST_ADMIN_USER=" + z.Username, "ZINC_FIRST_ADMIN_PASSWORD=" + z.Password,
		"ZINC_DATA_PATH=" + t.TempDir(), "ZINC_TELEMETRY=false", "ZINC_SENTRY=false", "GIN_MODE=release",
	}
	binary := buildZincSearch(t)
	// It takes its address from the environment only.
	addr := run(t, "/usr/bin/env", "ZincSearch "+zincVersion, "/version", env, func(host, port string) []string {
		return []string{"ZINC_SERVER_ADDRESS=" + host, "ZINC_SERVER_PORT=" + port, binary}
	})
	z.URL = "http://" + addr + "/es"
	return z, true
}

// buildZincSearch builds a copy of the module: it has neither a main that
// compiles nor the web pages that it embeds.
func buildZincSearch(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(repoRoot(t), ".local", "bin")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	binary := filepath.Join(dir, "zincsearch-"+zincVersion)
	unlock := lock(t, binary+".lock")
	defer unlock()
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	t.Logf("building zincsearch@%s, once", zincVersion)
	fresh := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(fresh, "go.mod"), []byte("module x\n"), 0o600))
	var module struct{ Dir string }
	out := goTool(t, fresh, "mod", "download", "-json", "github.com/zincsearch/zincsearch@"+zincVersion)
	require.NoError(t, json.Unmarshal(out, &module))
	source := filepath.Join(fresh, "src")
	require.NoError(t, os.CopyFS(source, os.DirFS(module.Dir)))
	for name, text := range map[string]string{"web/dist/index.html": "<html></html>", "cmd/zinclite/main.go": zincMain} {
		path := filepath.Join(source, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	built := filepath.Join(fresh, "zincsearch")
	goTool(t, source, "build", "-mod=mod", "-o", built, "./cmd/zinclite")
	install(t, built, binary)
	return binary
}

// goTool runs the go command in a module that is not ours.
func goTool(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOOS=", "GOARCH=")
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	return out
}

// Documents are the documents of an index by _id, read by a client that is not
// ours once there are so many: it accepts first and shows later.
func (z ZincSearch) Documents(t testing.TB, index string, n int) map[string]string {
	t.Helper()
	var found []hit
	for deadline := time.Now().Add(5 * time.Minute); len(found) < n && time.Now().Before(deadline); {
		time.Sleep(time.Second)
		found = z.search(t, index)
	}
	require.Equal(t, n, len(found), "documents in %s", index) //nolint:testifylint // it would print all of them
	documents := map[string]string{}
	for _, h := range found {
		documents[h.ID] = string(h.Source)
	}
	return documents
}

type hit struct {
	ID     string          `json:"_id"`
	Source json.RawMessage `json:"_source"`
}

func (z ZincSearch) search(t testing.TB, index string) []hit {
	t.Helper()
	query := strings.NewReader(`{"query":{"match_all":{}},"size":20000}`)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, z.URL+"/"+index+"/_search", query)
	require.NoError(t, err)
	request.SetBasicAuth(z.Username, z.Password)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	var answer struct {
		Hits struct {
			Hits []hit `json:"hits"`
		} `json:"hits"`
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	return answer.Hits.Hits
}
