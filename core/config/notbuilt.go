package config

import (
	"regexp"
	"strings"
)

var index = regexp.MustCompile(`\[[0-9]+\]`)

// note is what Load says of a key that it knows and does not use.
type note struct {
	severity Severity
	text     string
}

// notBuiltKeys are the keys whose function this binary does not have. It is an
// error where ignoring the key would lose or misroute events. A key leaves this
// list when its field comes.
func notBuiltKeys() map[string]note {
	ignored := note{Warning, "has no effect, what it would leave out is exported too: use drop rules"}
	return map[string]note{
		"clusterEnvironment": {Warning, "has no effect in this binary"},
		"fieldSelector":      ignored, "reasonAllowlist": ignored,
	}
}

func notBuilt(path string) (note, bool) {
	n, known := notBuiltKeys()[index.ReplaceAllString(path, "[]")]
	return n, known
}

// without says that this binary does not have it, what it was built as, and more.
func (o Options) without(more ...string) string {
	if o.Tags != "" {
		more = append([]string{"built with tags " + o.Tags}, more...)
	}
	if len(more) == 0 {
		return "is not built into this binary"
	}
	return "is not built into this binary (" + strings.Join(more, "; ") + ")"
}

// sinkNames are the receivers of kubernetes-event-exporter and those announced
// for this program; kinds that are not registered are known by them.
func sinkNames() []string {
	return []string{
		"bigquery", "cloudwatch", "discord", "elasticsearch", "email", "eventbridge", "file", "firehose",
		"gcs", "googlechat", "jsm", "kafka", "kinesis", "logstash", "loki", "mattermost", "nats", "opensearch",
		"opscenter", "opsgenie", "otlp", "pagerduty", "pipe", "prometheus", "pubsub", "redis", "s3", "slack",
		"sms", "sns", "splunk", "sqs", "stdout", "syslog", "teams", "webhook",
	}
}

// storeNames are the kinds of checkpoint store announced for this program.
func storeNames() []string { return []string{"configMap", "file", "gcs", "s3"} }

// inMemory is upstream's sink for its own tests (D-S37).
const (
	inMemory       = "inMemory"
	inMemoryReason = "inMemory keeps events in memory and sends them nowhere, it exists for tests only"
)
