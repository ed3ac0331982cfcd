package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/config"
)

func TestOtherEncodingsAndEmptyDocuments(t *testing.T) {
	for name, text := range map[string]string{
		"byte order mark": "\ufeffclusterName: a\n", "carriage returns": "clusterName: a\r\nnamespace: b\r\n",
		"closing dashes": "---\nclusterName: a\n---\n", "closing dots": "clusterName: a\n...\n",
	} {
		cfg, problems := load(t, text)
		assert.Empty(t, problems, name)
		assert.Equal(t, "a", cfg.ClusterName, name)
	}
	for _, text := range []string{"", " \n\n", "---\n---\n", "~"} {
		cfg, problems := config.Load("config.yaml", []byte(text), options())
		assert.Nil(t, cfg)
		require.Len(t, problems, 1, "%q", text)
		assert.Contains(t, problems[0].String(), "config.yaml: the file is empty")
	}
	for _, text := range []string{"a: \x00", "\xff\xfe\x00", "a: \x80"} {
		cfg, problems := config.Load("config.yaml", []byte(text), options())
		assert.Nil(t, cfg)
		require.Len(t, problems, 1, "%q", text)
	}
}

func TestHostileSizesAreBounded(t *testing.T) {
	bomb := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := range 9 {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i), 10), ","))
	}
	keys := strings.Builder{}
	for i := range 10_001 {
		fmt.Fprintf(&keys, "k%d: 1\n", i)
	}
	for text, data := range map[string]string{
		"the file is 10 MiB, the limit is 1 MiB":                   strings.Repeat("a", 10<<20),
		"the file is 1.5 MiB, the limit is 1 MiB":                  strings.Repeat("a", 3<<19),
		"more than 200000 values when its aliases are put in":      bomb,
		"nested deeper than 100 levels":                            "route: " + strings.Repeat("[", 200) + strings.Repeat("]", 200),
		"more than 10000 keys in one mapping":                      keys.String(),
		"more than 8 MiB when its variables are put in":            "logLevel: info\nx-a: '" + strings.Repeat("$LARGE", 1000) + "'\n",
		"not valid YAML: exceeded max depth":                       strings.Repeat("[", 20_000),
		"not valid YAML: did not find expected ',' or ']'":         strings.Repeat("[", 5_000) + "]]]",
		"this alias contains itself":                               "route: &r {routes: [*r, *r]}",
		"receiver \"none\" does not exist: there are no receivers": "route: {match: {receiver: none}}",
	} {
		opts := options()
		opts.LookupEnv = func(string) (string, bool) { return strings.Repeat("x", 10_000), true }
		cfg, problems := config.Load("c", []byte(data), opts)
		assert.Nil(t, cfg, text)
		require.NotEmpty(t, problems, text)
		assert.Contains(t, problems[0].Text, text)
		assert.LessOrEqual(t, len(problems), 2, text)
	}
}
