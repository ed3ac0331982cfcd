//go:build !slim || gcp

package all

import (
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/bigquery"
	"github.com/packetboat/packetboat/sinks/gcs"
	"github.com/packetboat/packetboat/sinks/pubsub"
)

// google are the sinks that need Google's SDK.
func google() []sinks.Kind {
	return []sinks.Kind{
		bigquery.Kind,
		gcs.Kind,
		pubsub.Kind,
	}
}
