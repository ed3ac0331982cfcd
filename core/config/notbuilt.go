package config

import "regexp"

var index = regexp.MustCompile(`\[[0-9]+\]`)

// notBuilt knows the keys whose function this binary does not have. It is an
// error where ignoring the key would lose or misroute events. A key leaves this
// list when its field comes.
func notBuilt(path string) (severity Severity, text string, known bool) {
	switch index.ReplaceAllString(path, "[]") {
	case "clusters", "cluster.eks", "cluster.gke", "cluster.server", "cluster.caData", "cluster.tokenFile",
		"receivers[].digest", "receivers[].suppress":
		return Error, "not built into this binary", true
	case "clusterEnvironment":
		return Warning, "has no effect in this binary", true
	case "fieldSelector", "reasonAllowlist":
		return Warning, "has no effect, what it would leave out is exported too: use drop rules", true
	}
	return "", "", false
}

// sinkNames are the receivers of kubernetes-event-exporter and those announced
// for this program; kinds that are not registered are known by them.
func sinkNames() []string {
	return []string{
		"bigquery", "cloudwatch", "discord", "elasticsearch", "email", "eventbridge", "file", "firehose",
		"googlechat", "jsm", "kafka", "kinesis", "logstash", "loki", "mattermost", "nats", "opensearch",
		"opscenter", "opsgenie", "otlp", "pagerduty", "pipe", "prometheus", "pubsub", "redis", "slack",
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
