// Package all is the list of the sinks that are built into the program. A sink
// that is not in it does not exist; nothing registers itself.
package all

import (
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/bigquery"
	"github.com/packetboat/packetboat/sinks/cloudwatch"
	"github.com/packetboat/packetboat/sinks/discord"
	"github.com/packetboat/packetboat/sinks/elasticsearch"
	"github.com/packetboat/packetboat/sinks/email"
	"github.com/packetboat/packetboat/sinks/eventbridge"
	"github.com/packetboat/packetboat/sinks/file"
	"github.com/packetboat/packetboat/sinks/firehose"
	"github.com/packetboat/packetboat/sinks/gcs"
	"github.com/packetboat/packetboat/sinks/jsm"
	"github.com/packetboat/packetboat/sinks/kafka"
	"github.com/packetboat/packetboat/sinks/kinesis"
	"github.com/packetboat/packetboat/sinks/logstash"
	"github.com/packetboat/packetboat/sinks/loki"
	"github.com/packetboat/packetboat/sinks/mattermost"
	"github.com/packetboat/packetboat/sinks/nats"
	"github.com/packetboat/packetboat/sinks/opensearch"
	"github.com/packetboat/packetboat/sinks/opscenter"
	"github.com/packetboat/packetboat/sinks/opsgenie"
	"github.com/packetboat/packetboat/sinks/otlp"
	"github.com/packetboat/packetboat/sinks/pagerduty"
	"github.com/packetboat/packetboat/sinks/pipe"
	"github.com/packetboat/packetboat/sinks/prometheus"
	"github.com/packetboat/packetboat/sinks/pubsub"
	"github.com/packetboat/packetboat/sinks/redis"
	"github.com/packetboat/packetboat/sinks/s3"
	"github.com/packetboat/packetboat/sinks/slack"
	"github.com/packetboat/packetboat/sinks/sns"
	"github.com/packetboat/packetboat/sinks/splunk"
	"github.com/packetboat/packetboat/sinks/sqs"
	"github.com/packetboat/packetboat/sinks/stdout"
	"github.com/packetboat/packetboat/sinks/syslog"
	"github.com/packetboat/packetboat/sinks/teams"
	"github.com/packetboat/packetboat/sinks/webhook"
)

// Kinds are all sinks, in the order of their names.
func Kinds() []sinks.Kind {
	return []sinks.Kind{
		bigquery.Kind,
		cloudwatch.Kind,
		discord.Kind,
		elasticsearch.Kind,
		email.Kind,
		eventbridge.Kind,
		file.Kind,
		firehose.Kind,
		gcs.Kind,
		jsm.Kind,
		kafka.Kind,
		kinesis.Kind,
		logstash.Kind,
		loki.Kind,
		mattermost.Kind,
		nats.Kind,
		opensearch.Kind,
		opscenter.Kind,
		opsgenie.Kind,
		otlp.Kind,
		pagerduty.Kind,
		pipe.Kind,
		prometheus.Kind,
		pubsub.Kind,
		redis.Kind,
		s3.Kind,
		slack.Kind,
		sns.Kind,
		splunk.Kind,
		sqs.Kind,
		stdout.Kind,
		syslog.Kind,
		teams.Kind,
		webhook.Kind,
	}
}
