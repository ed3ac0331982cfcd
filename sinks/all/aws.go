//go:build !slim || aws

package all

import (
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/cloudwatch"
	"github.com/packetboat/packetboat/sinks/eventbridge"
	"github.com/packetboat/packetboat/sinks/firehose"
	"github.com/packetboat/packetboat/sinks/kinesis"
	"github.com/packetboat/packetboat/sinks/opscenter"
	"github.com/packetboat/packetboat/sinks/s3"
	"github.com/packetboat/packetboat/sinks/sns"
	"github.com/packetboat/packetboat/sinks/sqs"
)

// aws are the sinks that need Amazon's SDK.
func aws() []sinks.Kind {
	return []sinks.Kind{
		cloudwatch.Kind,
		eventbridge.Kind,
		firehose.Kind,
		kinesis.Kind,
		opscenter.Kind,
		s3.Kind,
		sns.Kind,
		sqs.Kind,
	}
}
