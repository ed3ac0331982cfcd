package main

import (
	"flag"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFromUpstream(t *testing.T) {
	for given, want := range map[string]string{
		// As its image and its manifests start it.
		"-conf=/data/config.yaml":     "watch --config=config.yaml --config=/data/config.yaml",
		"-conf /data/config.yaml":     "watch --config=config.yaml --config /data/config.yaml",
		"--conf=a.yaml":               "watch --config=config.yaml --config=a.yaml",
		"--conf a.yaml -kubeconfig k": "watch --config=config.yaml --config a.yaml --kubeconfig k",
		"-conf=a -metrics-address :2112 -kubeconfig X -metrics-tls-config Y": "watch --config=config.yaml --config=a --metrics-address :2112 --kubeconfig X --metrics-tls-config Y",
		"-metrics-address=:1":                 "watch --config=config.yaml --metrics-address=:1",
		"--kubeconfig k":                      "watch --config=config.yaml --kubeconfig k",
		"-conf":                               "watch --config=config.yaml --config",
		"-conf=":                              "watch --config=config.yaml --config=",
		"-conf -kubeconfig":                   "watch --config=config.yaml --config -kubeconfig", // the value, however it looks
		"-kubeconfig k --strict":              "watch --config=config.yaml --kubeconfig k --strict",
		"-kubeconfig k --config=c -- -conf=x": "watch --config=config.yaml --kubeconfig k --config=c -- -conf=x",
		"watch -conf=a -metrics-address :1":   "watch --config=a --metrics-address :1",
		"watch --config a":                    "watch --config a",
		// What is no command line of its is left alone.
		"":                         "",
		"--help":                   "--help",
		"--version":                "--version",
		"-c a":                     "-c a",
		"run -conf=a":              "run -conf=a",
		"run --kubeconfig k":       "run --kubeconfig k",
		"status --conf a":          "status --conf a",
		"-configuration=a":         "-configuration=a",
		"--strict -conf=a":         "--strict -conf=a",
		"---conf=a":                "---conf=a",
		"help watch":               "help watch",
		"completion bash -conf a":  "completion bash -conf a",
		"explain --events -conf=a": "explain --events -conf=a",
	} {
		assert.Equal(t, strings.Fields(want), append([]string{}, fromUpstream(strings.Fields(given))...), given)
	}
}

// FuzzFromUpstream: what kubernetes-event-exporter's own flags say, ours say too.
func FuzzFromUpstream(f *testing.F) {
	for _, seed := range []string{"-conf=a", "--conf a -kubeconfig b", "-metrics-address :1 -metrics-tls-config=x=y", "-conf -conf", "run -conf a", "-conf\t=", "--", "-kubeconfig -- -conf"} {
		f.Add(strings.ReplaceAll(seed, " ", "\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		args := strings.Split(text, "\n")
		given := slices.Clone(args)
		got := fromUpstream(args)
		require.Equal(t, given, args, "the arguments are the caller's")

		upstream := flag.NewFlagSet("", flag.ContinueOnError)
		upstream.SetOutput(io.Discard)
		want := map[string]*string{"config": upstream.String("conf", "config.yaml", "")}
		for _, name := range []string{"kubeconfig", "metrics-address", "metrics-tls-config"} {
			want[name] = upstream.String(name, "", "")
		}
		// It ignores what comes after its flags, we do not.
		if err := upstream.Parse(args); err != nil || upstream.NFlag() == 0 || upstream.NArg() > 0 {
			return
		}
		require.Equal(t, "watch", got[0])
		ours := pflag.NewFlagSet("", pflag.ContinueOnError)
		values := map[string]*string{}
		for name := range want {
			values[name] = ours.String(name, "", "")
		}
		require.NoError(t, ours.Parse(got[1:]))
		require.Equal(t, want, values)
	})
}
