package redis

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/packetboat/packetboat/sinks/sinktest"
)

func TestConfigSaysWhatIsWrong(t *testing.T) {
	const good = "addresses: ['h:1']\nkey: k\n"
	for config, want := range map[string]string{
		"key: k":                                  "addresses: is missing",
		"addresses: [h]\nkey: k":                  `addresses: want host:port, got "h"`,
		"addresses: ['h:1']":                      "key: is missing",
		good + "command: set":                     `command: want xadd, lpush, rpush or publish, got "set"`,
		good + "maxLen: -1":                       "maxLen: want 0 or more, got -1",
		good + "maxLen: 1\ncommand: lpush":        "maxLen: is for xadd",
		"addresses: ['h:1', 'i:1']\nkey: k":       "addresses: several need cluster or masterName",
		good + "cluster: true\nmasterName: m":     "cluster and masterName exclude each other",
		good + "cluster: true\ndb: 1":             "db: a cluster has only 0",
		good + "db: -1":                           "db: want 0 or more, got -1",
		good + "timeout: 0s":                      "timeout: want more than 0, got 0s",
		good + "tls: {enable: true, certFile: x}": "tls: certFile is set without keyFile",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
}
