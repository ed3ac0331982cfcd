// Package all is the list of the sinks that are built into the program. A sink
// that is not in it does not exist; nothing registers itself.
//
// Without build tags these are all. With the tag slim those that need the SDK of
// a cloud are left out, unless aws or gcp brings them back.
package all

import (
	"cmp"
	"slices"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/discord"
	"github.com/packetboat/packetboat/sinks/elasticsearch"
	"github.com/packetboat/packetboat/sinks/email"
	"github.com/packetboat/packetboat/sinks/file"
	"github.com/packetboat/packetboat/sinks/jsm"
	"github.com/packetboat/packetboat/sinks/kafka"
	"github.com/packetboat/packetboat/sinks/logstash"
	"github.com/packetboat/packetboat/sinks/loki"
	"github.com/packetboat/packetboat/sinks/mattermost"
	"github.com/packetboat/packetboat/sinks/nats"
	"github.com/packetboat/packetboat/sinks/opensearch"
	"github.com/packetboat/packetboat/sinks/opsgenie"
	"github.com/packetboat/packetboat/sinks/otlp"
	"github.com/packetboat/packetboat/sinks/pagerduty"
	"github.com/packetboat/packetboat/sinks/pipe"
	"github.com/packetboat/packetboat/sinks/prometheus"
	"github.com/packetboat/packetboat/sinks/redis"
	"github.com/packetboat/packetboat/sinks/slack"
	"github.com/packetboat/packetboat/sinks/splunk"
	"github.com/packetboat/packetboat/sinks/stdout"
	"github.com/packetboat/packetboat/sinks/syslog"
	"github.com/packetboat/packetboat/sinks/teams"
	"github.com/packetboat/packetboat/sinks/webhook"
)

// Kinds are all sinks, in the order of their names.
func Kinds() []sinks.Kind {
	kinds := slices.Concat(anywhere(), aws(), google())
	slices.SortFunc(kinds, func(a, b sinks.Kind) int { return cmp.Compare(a.Name, b.Name) })
	return kinds
}

// anywhere are the sinks that need no cloud's SDK.
func anywhere() []sinks.Kind {
	return []sinks.Kind{
		discord.Kind,
		elasticsearch.Kind,
		email.Kind,
		file.Kind,
		jsm.Kind,
		kafka.Kind,
		logstash.Kind,
		loki.Kind,
		mattermost.Kind,
		nats.Kind,
		opensearch.Kind,
		opsgenie.Kind,
		otlp.Kind,
		pagerduty.Kind,
		pipe.Kind,
		prometheus.Kind,
		redis.Kind,
		slack.Kind,
		splunk.Kind,
		stdout.Kind,
		syslog.Kind,
		teams.Kind,
		webhook.Kind,
	}
}
