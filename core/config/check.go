package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/sinks"
)

// place is a mapping and its path.
type place struct {
	node *yaml.Node
	path string
}

// wrong reports an error at a key, dotted, below a place.
func (l *loader) wrong(in place, key, text, hint string) {
	n, path := in.node, in.path
	for k := range strings.SplitSeq(key, ".") {
		if value := find(n, k); value != nil {
			n = value
		}
		path = below(path, k)
	}
	l.report(n, path, Error, text, hint)
}

// find is the value of a key, nil if it is not there.
func find(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func (l *loader) checkTop(root *yaml.Node) {
	c, top := l.config, place{root, ""}
	l.checkLog(top)
	if c.MaxEventAgeSeconds < 0 {
		l.wrong(top, "maxEventAgeSeconds", "cannot be negative", "")
	}
	if c.ThrottlePeriod < 0 {
		l.wrong(top, "throttlePeriod", "cannot be negative", "")
	}
	if c.MaxEventAgeSeconds != 0 && c.ThrottlePeriod != 0 {
		l.wrong(top, "throttlePeriod", "is the old name of maxEventAgeSeconds, only one may be set", "remove it")
	}
	if c.MetricsNamePrefix != "" && !metricsNamePrefix.MatchString(c.MetricsNamePrefix) {
		l.wrong(top, "metricsNamePrefix", "must match "+metricsNamePrefix.String(), "such as event_exporter_")
	}
	l.checkMetrics(top)
	if c.CacheSize < 0 {
		l.wrong(top, "cacheSize", "cannot be negative", "")
	}
	l.checkLeaderElection(top)
	l.checkWatch(top)
	l.checkCluster(place{find(root, "cluster"), "cluster"}, &c.Cluster)
	if c.Secrets.TTL < time.Second {
		l.wrong(top, "secrets.ttl", "must be 1s or more", "")
	}
	if c.Namespace != "" && len(c.Source.Namespaces) > 0 {
		l.wrong(top, "source.namespaces", "namespace says already what is read, only one may be set", "")
	}
	if slices.Contains(c.Source.Namespaces, "") || slices.Contains(c.Source.ExcludeNamespaces, "") {
		l.wrong(top, "source", "a namespace has a name", "leave the list out for all")
	}
	if c.Source.EventTTL <= 0 {
		l.wrong(top, "source.eventTTL", "must be more than 0", "the API server's default is 1h")
	}
	l.checkStart(top, "source.start", c.Source.Start)
	if m := c.Source.Marker; m != MarkerAuto && m != MarkerOff {
		l.wrong(top, "source.marker", "want auto or off", suggest(string(m), []string{"auto", "off"}))
	}
	if !l.checkDelivery(top, c.Delivery) {
		c.Delivery = defaults().Delivery // or every receiver would repeat the fault
	}
}

var metricsNamePrefix = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_:]*_$`)

func (l *loader) checkLog(top place) {
	c := l.config
	c.LogLevel = strings.ToLower(c.LogLevel)
	if c.LogLevel == "" {
		c.LogLevel = defaults().LogLevel
	}
	if c.LogFormat == "" {
		c.LogFormat = defaults().LogFormat
	}
	if names := logLevels(); !slices.Contains(names, c.LogLevel) {
		l.wrong(top, "logLevel", "want one of "+strings.Join(names, ", "), suggest(c.LogLevel, names))
	}
	if names := logFormats(); !slices.Contains(names, c.LogFormat) {
		l.wrong(top, "logFormat", "want "+strings.Join(names, " or "), suggest(c.LogFormat, names))
	}
}

func logLevels() []string {
	return []string{"trace", "debug", "info", "warn", "error", "fatal", "panic", "disabled"}
}

func logFormats() []string { return []string{"json", "pretty"} }

func (l *loader) checkStart(in place, key string, start sinks.Start) {
	if start != "" && start != sinks.Oldest && start != sinks.Now {
		l.wrong(in, key, "want oldest or now", "")
	}
}

// checkDelivery reports whether it found nothing wrong.
func (l *loader) checkDelivery(in place, d Delivery) bool {
	before := len(l.problems)
	if d.Batch.Size < 0 {
		l.wrong(in, "delivery.batch.size", "cannot be negative", "")
	}
	if d.Concurrency < 1 {
		l.wrong(in, "delivery.concurrency", "must be 1 or more", "")
	}
	if d.Timeout == 0 {
		l.wrong(in, "delivery.timeout", "must be more than 0", "")
	}
	if d.Retry.Initial > d.Retry.Max {
		l.wrong(in, "delivery.retry.initial", "is longer than retry.max", "")
	}
	return len(l.problems) == before
}

const longestName = 253

// checkNames finds receivers that could not be told apart, or not be written
// into a metric, a file name or a checkpoint.
func (l *loader) checkNames() {
	named, renamed := map[string]Receiver{}, map[string]Receiver{}
	wrong := func(r Receiver, key, format string, args ...any) {
		n := &yaml.Node{Line: r.Position.Line, Column: r.Position.Column}
		l.report(n, below(r.path, key), Error, fmt.Sprintf(format, args...), "")
	}
	for _, r := range l.config.Receivers {
		first, taken := named[r.Name]
		switch {
		case r.Name == "":
			wrong(r, "name", "the receiver has no name")
		case len(r.Name) > longestName || strings.ContainsFunc(r.Name, unicode.IsControl):
			wrong(r, "name", "a name has at most %d bytes and no control characters", longestName)
		case taken:
			// Upstream would deliver to one of them only, and hang when it ends (D-P5).
			wrong(r, "name", "receiver name %q is already used at line %d, column %d",
				r.Name, first.Position.Line, first.Position.Column)
		default:
			named[r.Name] = r
		}
	}
	for _, r := range l.config.Receivers {
		if r.RenamedFrom == "" {
			continue
		}
		other, taken := named[r.RenamedFrom]
		if !taken {
			other, taken = renamed[r.RenamedFrom]
		}
		if taken {
			wrong(r, "renamedFrom", "the receiver at line %d carries on the cursor of %q", other.Position.Line, r.RenamedFrom)
		}
		renamed[r.RenamedFrom] = r
	}
}

// checkPaths finds two receivers that write into one file: each would rotate or
// truncate what the other writes.
func (l *loader) checkPaths(receivers []yaml.Node) {
	used := map[string]pair{}
	for i := range receivers {
		for _, kind := range []string{"file", "pipe"} {
			n := find(find(&receivers[i], kind), "path")
			if n == nil || n.Value == "" {
				continue
			}
			path := filepath.Clean(n.Value)
			first, taken := used[path]
			if !taken {
				used[path] = pair{key: &yaml.Node{Value: kind}, value: n}
				continue
			}
			severity := Error
			if kind == "pipe" && first.key.Value == "pipe" {
				// A named pipe may have two writers; a file that pipe opens may not.
				severity = Warning
			}
			l.report(n, element("receivers", i)+"."+kind+".path", severity,
				fmt.Sprintf("the receiver at line %d writes to the same path", first.value.Line), "")
		}
	}
}
