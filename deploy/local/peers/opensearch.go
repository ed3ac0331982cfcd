package peers

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const openSearchVersion = "2.19.3"

// openSearchProject asks Maven for a node with its HTTP interface.
const openSearchProject = `<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>x</artifactId><version>1</version>
<dependencies>
<dependency><groupId>org.opensearch</groupId><artifactId>opensearch</artifactId><version>` + openSearchVersion + `</version></dependency>
<dependency><groupId>org.opensearch.plugin</groupId><artifactId>transport-netty4-client</artifactId><version>` + openSearchVersion + `</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>2.21.0</version></dependency>
</dependencies></project>`

// openSearchMain is a node without the program around it, which refuses to be
// root and wants its modules in folders that Maven does not have.
const openSearchMain = `
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.opensearch.common.settings.Settings;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.transport.Netty4Plugin;

public class Peer extends Node {
    Peer(Settings settings, Path home) {
        super(InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), home, () -> "peer"), List.of(Netty4Plugin.class), true);
    }

    public static void main(String[] args) throws Exception {
        Settings settings = Settings.builder()
            .put("path.home", args[0]).put("http.host", args[1]).put("http.port", args[2])
            .put("transport.host", args[1]).put("transport.port", "0").put("discovery.type", "single-node")
            .put("cluster.routing.allocation.disk.threshold_enabled", false).build();
        new Peer(settings, Path.of(args[0])).start();
        Thread.currentThread().join();
    }
}
`

// OpenSearch is a node without security.
type OpenSearch struct{ *Server }

// URL is its address.
func (o OpenSearch) URL() string { return "http://" + o.Addr }

// Do makes a request that is not one of ours, and returns the answer.
func (o OpenSearch) Do(t testing.TB, method, path, body string) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, o.URL()+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Less(t, response.StatusCode, 300, "%s %s: %s", method, path, answer)
	return answer
}

// Documents are those of an index by _id, ten thousand at most.
func (o OpenSearch) Documents(t testing.TB, index string) map[string]string {
	t.Helper()
	o.Do(t, http.MethodPost, "/"+index+"/_refresh", "")
	var answer struct {
		Hits struct {
			Hits []hit `json:"hits"`
		} `json:"hits"`
	}
	require.NoError(t, json.Unmarshal(o.Do(t, http.MethodGet, "/"+index+"/_search?size=10000", ""), &answer))
	documents := map[string]string{}
	for _, h := range answer.Hits.Hits {
		documents[h.ID] = string(h.Source)
	}
	return documents
}

// StartOpenSearch gives a node of OpenSearch, which has what it acknowledged on
// the disk. It needs a JDK and Maven, 1 GB of memory and 20 seconds to start;
// false without LIVE=all.
func StartOpenSearch(t testing.TB) (OpenSearch, bool) {
	t.Helper()
	if os.Getenv("LIVE") != "all" {
		t.Log("peer: OpenSearch does not take part: LIVE is not all")
		return OpenSearch{}, false
	}
	java, err := exec.LookPath("java")
	require.NoError(t, err, "OpenSearch needs Java 17")
	dir, addr := t.TempDir(), freeAddr(t)
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	source := filepath.Join(dir, "Peer.java")
	require.NoError(t, os.WriteFile(source, []byte(openSearchMain), 0o600))
	classes := filepath.Join(fetchMaven(t, "opensearch-"+openSearchVersion, openSearchProject), "*")
	return OpenSearch{startServer(t, java, "OpenSearch "+openSearchVersion, addr, nil, []string{
		"-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classes, source, filepath.Join(dir, "home"), host, port,
	})}, true
}

// fetchMaven returns the folder in .local/bin that holds a project's classes.
func fetchMaven(t testing.TB, name, project string) string {
	t.Helper()
	bin := filepath.Join(repoRoot(t), ".local", "bin")
	require.NoError(t, os.MkdirAll(bin, 0o755))
	classes := filepath.Join(bin, name)
	unlock := lock(t, classes+".lock")
	defer unlock()
	if _, err := os.Stat(classes); err == nil {
		return classes
	}
	t.Logf("fetching %s, once", name)
	fresh, err := os.MkdirTemp(bin, name+"-new-") //nolint:usetesting // beside it: a folder is put in place by its name
	require.NoError(t, err)
	defer func() { require.NoError(t, os.RemoveAll(fresh)) }()
	require.NoError(t, os.WriteFile(filepath.Join(fresh, "pom.xml"), []byte(project), 0o600))
	mvn := exec.CommandContext(t.Context(), "mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libs")
	mvn.Dir = fresh
	out, err := mvn.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.Rename(filepath.Join(fresh, "libs"), classes))
	return classes
}
