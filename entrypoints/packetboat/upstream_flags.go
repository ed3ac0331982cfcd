package main

import "strings"

// upstreamFlags are the four that kubernetes-event-exporter has, and what they
// are called here. Its flags have one dash or two; with one dash the command
// library would read -conf as the shorthand -c with the value onf.
var upstreamFlags = map[string]string{
	"conf":               "config",
	"kubeconfig":         "kubeconfig",
	"metrics-address":    "metrics-address",
	"metrics-tls-config": "metrics-tls-config",
}

// fromUpstream turns a command line of kubernetes-event-exporter, which has no
// subcommand, into one of watch; any other is returned as it is. As there, the
// configuration is config.yaml if no flag names it.
func fromUpstream(args []string) []string {
	if len(args) == 0 {
		return args
	}
	if _, _, known := upstreamFlag(args[0]); !known && args[0] != "watch" {
		return args
	}
	var ours []string
	if args[0] != "watch" {
		ours = []string{"watch", "--config=config.yaml"} // of two values the last counts
	}
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			return append(ours, args[i:]...)
		}
		name, value, known := upstreamFlag(args[i])
		if !known {
			ours = append(ours, args[i])
			continue
		}
		ours = append(ours, "--"+name+value)
		if value == "" && i+1 < len(args) { // its value is the next, whatever that looks like
			i++
			ours = append(ours, args[i])
		}
	}
	return ours
}

// upstreamFlag returns our name of a flag, and its value with the equals sign if
// that is part of the argument.
func upstreamFlag(arg string) (name, value string, known bool) {
	bare, dash := strings.CutPrefix(arg, "-")
	if !dash {
		return "", "", false
	}
	bare = strings.TrimPrefix(bare, "-")
	name, value, equals := strings.Cut(bare, "=")
	if equals {
		value = "=" + value
	}
	name, known = upstreamFlags[name]
	return name, value, known
}
