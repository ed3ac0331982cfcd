package awsclient

import (
	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what all AWS sinks let the user set. A sink's Config embeds it
// inline.
type Config struct {
	awsconfig.Config `yaml:",inline"`

	HTTP httppost.Config `yaml:",inline"`
}
