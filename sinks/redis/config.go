package redis

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what stands below redis: in a receiver.
type Config struct {
	// Addresses are those of the server, of some nodes of the cluster, or of the
	// sentinels, host:port.
	Addresses []string `yaml:"addresses"`
	// Key is the stream, the list or the channel, rendered for each event.
	Key sinks.Template `yaml:"key"`
	// Command is xadd, lpush, rpush or publish.
	Command string `yaml:"command"`
	// MaxLen is about how many entries a stream keeps; 0 is all.
	MaxLen int64 `yaml:"maxLen"`
	// Cluster says that the addresses are nodes of a Redis Cluster.
	Cluster bool `yaml:"cluster"`
	// MasterName says that the addresses are sentinels, which know the master of
	// that name.
	MasterName string `yaml:"masterName"`
	// DB is the number of the database.
	DB int `yaml:"db"`
	// Username is that of an ACL; empty is the default user.
	Username string `yaml:"username"`
	// Password is that of the user, or of the server.
	Password secret.String `yaml:"password"`
	// SentinelUsername and SentinelPassword are for the sentinels, where they ask for one.
	SentinelUsername string        `yaml:"sentinelUsername"`
	SentinelPassword secret.String `yaml:"sentinelPassword"`
	// Timeout bounds one attempt.
	Timeout time.Duration `yaml:"timeout"`
	// TLS is the encryption of connections.
	TLS tlsConfig `yaml:"tls"`

	Payload sinks.Payload `yaml:",inline"`
}

type tlsConfig struct {
	// Enable encrypts.
	Enable       bool `yaml:"enable"`
	httppost.TLS `yaml:",inline"`
}

func defaults() Config { return Config{Command: xadd, Timeout: 30 * time.Second} }

const (
	xadd    = "xadd"
	lpush   = "lpush"
	rpush   = "rpush"
	publish = "publish"
)

func (c Config) check() error {
	if len(c.Addresses) == 0 {
		return errors.New("addresses: is missing")
	}
	for _, a := range c.Addresses {
		if _, _, err := net.SplitHostPort(a); err != nil {
			return fmt.Errorf("addresses: want host:port, got %q", a)
		}
	}
	if c.Key.IsZero() {
		return errors.New("key: is missing")
	}
	switch c.Command {
	case xadd, lpush, rpush, publish:
	default:
		return fmt.Errorf("command: want xadd, lpush, rpush or publish, got %q", c.Command)
	}
	switch {
	case c.MaxLen < 0:
		return fmt.Errorf("maxLen: want 0 or more, got %d", c.MaxLen)
	case c.MaxLen > 0 && c.Command != xadd:
		return errors.New("maxLen: is for xadd")
	case len(c.Addresses) > 1 && !c.Cluster && c.MasterName == "":
		return errors.New("addresses: several need cluster or masterName")
	case c.Cluster && c.MasterName != "":
		return errors.New("cluster and masterName exclude each other")
	case c.Cluster && c.DB != 0:
		return errors.New("db: a cluster has only 0")
	case c.DB < 0:
		return fmt.Errorf("db: want 0 or more, got %d", c.DB)
	case c.Timeout <= 0:
		return fmt.Errorf("timeout: want more than 0, got %s", c.Timeout)
	}
	return nil
}

func (c Config) keyIsConstant() bool { return !strings.Contains(c.Key.Text, "{{") }
