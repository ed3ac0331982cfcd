package metrics

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the table in the README instead of comparing it")

// scrape is what a Prometheus reads.
func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	answer := httptest.NewRecorder()
	handler := promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError})
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, answer.Code, answer.Body)
	return answer.Body.String()
}

func TestTheTableInTheReadmeIsTrue(t *testing.T) {
	const head, end = "| metric | type | labels | unit | meaning |\n", "\n\n"
	table := bytes.NewBufferString(head + "| --- | --- | --- | --- | --- |\n")
	for _, m := range full().Table() {
		labels := strings.Join(m.Labels, ", ")
		fmt.Fprintf(table, "| `%s` | %s | %s | %s | %s |\n", m.Name, m.Type, labels, m.Unit, m.Help)
	}
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(readme), head)
	require.True(t, found)
	_, after, found := strings.Cut(rest, end)
	require.True(t, found)
	want := before + table.String() + "\n" + after
	if *update {
		require.NoError(t, os.WriteFile("README.md", []byte(want), 0o644))
		return
	}
	assert.Equal(t, want, string(readme), "make docs writes the table")
}
