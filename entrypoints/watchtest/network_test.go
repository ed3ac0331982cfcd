package watchtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// network is toxiproxy, with a proxy before the API server for each replica.
type network struct {
	api    string // toxiproxy's own
	prefix string // of the names of this world's proxies
}

// before puts a proxy before the server of a URL and returns the proxy's URL.
func (n *network) before(t *testing.T, name, server string) string {
	t.Helper()
	target, err := url.Parse(server)
	require.NoError(t, err)
	var made struct {
		Listen string `json:"listen"`
	}
	answer := n.call(t, http.MethodPost, "/proxies", map[string]any{
		"name": n.prefix + name, "listen": "127.0.0.1:0", "upstream": target.Host, "enabled": true,
	})
	require.NoError(t, json.Unmarshal(answer, &made))
	target.Host = made.Listen
	return target.String()
}

// cut lets nothing pass in either direction, and closes no connection.
func (n *network) cut(t *testing.T, name string) {
	t.Helper()
	for _, stream := range []string{"upstream", "downstream"} {
		n.call(t, http.MethodPost, "/proxies/"+n.prefix+name+"/toxics", map[string]any{
			"name": stream, "type": "timeout", "stream": stream, "attributes": map[string]int{"timeout": 0},
		})
	}
}

func (n *network) heal(t *testing.T, name string) {
	t.Helper()
	for _, stream := range []string{"upstream", "downstream"} {
		n.call(t, http.MethodDelete, "/proxies/"+n.prefix+name+"/toxics/"+stream, nil)
	}
}

func (n *network) call(t *testing.T, method, path string, body any) []byte {
	t.Helper()
	text, err := json.Marshal(body)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), method, n.api+path, bytes.NewReader(text))
	require.NoError(t, err)
	client := http.Client{Timeout: 30 * time.Second}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, 2, response.StatusCode/100, "%s %s: %s", method, path, answer)
	return answer
}
