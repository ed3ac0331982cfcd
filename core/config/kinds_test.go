package config_test

import (
	"context"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
)

// hookConfig has a field of every shape that a sink's Config may have.
type hookConfig struct {
	sinks.Payload `yaml:",inline"`
	*Inlined      `yaml:",inline"`
	plainInlined  `yaml:",inline"`

	Endpoint sinks.Template            `yaml:"endpoint"`
	Headers  map[string]sinks.Template `yaml:"headers"`
	Hosts    []string                  `yaml:"hosts"`
	Password secret.String             `yaml:"password"`
	Port     int                       `yaml:"port"`
	Small    uint8                     `yaml:"small"`
	Ratio    float64                   `yaml:"ratio"`
	UseIt    bool                      `yaml:"useIt"`
	Pause    time.Duration             `yaml:"pause"`
	Size     config.Bytes              `yaml:"size"`
	TLS      tlsConfig                 `yaml:"tls"`
	Strict   strictConfig              `yaml:"strict"`
	Untagged string
	Any      any `yaml:"any"`
	Hidden   int `yaml:"-"`
}

// Inlined and plainInlined are the two ways to share keys between sinks.
type Inlined struct {
	Timeout time.Duration `yaml:"timeout"`
}

type plainInlined struct {
	Wait time.Duration `yaml:"wait"`
}

type tlsConfig struct {
	InsecureSkipVerify bool   `yaml:"insecureSkipVerify"`
	ServerName         string `yaml:"serverName"`
	CAFile             string `yaml:"caFile"`
	KeyFile            string `yaml:"keyFile"`
	CertFile           string `yaml:"certFile"`
}

// strictConfig decodes itself through the library, whose errors quote values.
type strictConfig struct{ Count int }

func (s *strictConfig) UnmarshalYAML(n *yaml.Node) error {
	type plain strictConfig
	return n.Decode((*plain)(s))
}

type fileConfig struct {
	Path          string `yaml:"path"`
	MaxSize       int    `yaml:"maxsize"`
	MaxAge        int    `yaml:"maxage"`
	MaxBackups    int    `yaml:"maxbackups"`
	sinks.Payload `yaml:",inline"`
}

type opsConfig struct {
	Title    sinks.Template `yaml:"title"`
	Severity sinks.Template `yaml:"severity"`
}

// anyConfig takes whatever is there.
type anyConfig struct{ node *yaml.Node }

func (c *anyConfig) UnmarshalYAML(n *yaml.Node) error {
	c.node = n
	return nil
}

func kind[C any](name string, start sinks.Start, defaults C) sinks.Kind {
	return sinks.NewKind(name, start, func() C { return defaults },
		func(context.Context, C, sinks.Env) (sinks.Sink, error) { return nil, nil })
}

func store[C any](name string) state.Kind {
	return state.NewKind(name, func() C { var c C; return c }, func(string) (C, error) { var c C; return c, nil },
		func(c C, _ string) C { return c },
		func(context.Context, C, state.Env) (state.Store, error) { return nil, nil })
}

type configMapConfig struct {
	Namespace string `yaml:"namespace"`
	Name      string `yaml:"name"`
}

// options are those of a binary with a few sinks and stores, in an environment
// that is the same everywhere.
func options() config.Options {
	env := map[string]string{
		"CLUSTER": "blue", "REGION": "eu-1", "NUMBER": "8080", "BOOL": "true", "KIND": "Job", "NULL": "null",
		"REASON": "BackOff", "EMPTY": "", "PORT": "1", "EVIL": "\"a: b\n- $CLUSTER # {{ x }}",
	}
	return config.Options{
		Sinks: []sinks.Kind{
			kind("webhook", sinks.Oldest, hookConfig{Port: 443}),
			kind("stdout", sinks.Oldest, sinks.Payload{}),
			kind("file", sinks.Oldest, fileConfig{MaxSize: 100}),
			kind("pipe", sinks.Now, fileConfig{}),
			kind("opscenter", sinks.Now, opsConfig{}),
		},
		Stores: []state.Kind{store[configMapConfig]("configMap"), store[fileConfig]("file")},
		LookupEnv: func(name string) (string, bool) {
			value, ok := env[name]
			return value, ok
		},
	}
}
