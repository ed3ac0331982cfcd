package sinks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/sinks"
)

type config struct {
	Endpoint sinks.Template            `yaml:"endpoint"`
	Headers  map[string]sinks.Template `yaml:"headers"`
	Size     int                       `yaml:"size"`
	Payload  sinks.Payload             `yaml:",inline"`
}

func decode(t *testing.T, text string) config {
	t.Helper()
	c := config{Size: 7}
	require.NoError(t, yaml.Unmarshal([]byte(text), &c))
	return c
}

func TestATemplateKnowsItsPlace(t *testing.T) {
	c := decode(t, "endpoint: http://h/{{ .Reason }}\nheaders:\n  X-N: 7\n  X-B: true\n  X-Null:\n")
	assert.Equal(t, sinks.Template{Text: "http://h/{{ .Reason }}", Position: sinks.Position{Line: 1, Column: 11}}, c.Endpoint)
	assert.Equal(t, "7", c.Headers["X-N"].Text)
	assert.Equal(t, "true", c.Headers["X-B"].Text)
	assert.True(t, c.Headers["X-Null"].IsZero())
	assert.True(t, decode(t, "size: 1").Endpoint.IsZero())

	for text, want := range map[string]string{
		"endpoint: [a]":    "line 1, column 11: want a text, got a list",
		"endpoint: {a: b}": "line 1, column 11: want a text, got a mapping",
	} {
		err := yaml.Unmarshal([]byte(text), &config{})
		var at *sinks.PositionError
		require.ErrorAs(t, err, &at, text)
		assert.EqualError(t, at, want)
	}
}

func TestATemplateDoesNotPrintItsText(t *testing.T) {
	c := decode(t, "endpoint: http://h/t0ken\nheaders: {X: t0ken}")
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("open", "endpoint", c.Endpoint)
	text := fmt.Sprintf("%v %+v %s", c.Endpoint, c.Headers, c.Endpoint) + log.String()
	assert.NotContains(t, text, "t0ken")
	assert.Contains(t, text, "<template>")
}

func TestAnAbsentOrNullLayoutAsksForTheDefault(t *testing.T) {
	assert.True(t, decode(t, "size: 1").Payload.Layout.IsZero())
	assert.True(t, decode(t, "layout:").Payload.Layout.IsZero())
	assert.True(t, decode(t, "layout: null").Payload.Layout.IsZero())
	assert.False(t, decode(t, "layout: {}").Payload.Layout.IsZero(), "an empty one is a layout")
	assert.True(t, decode(t, "deDot: true").Payload.DeDot)
}

func TestPositionError(t *testing.T) {
	cause := errors.New("cause")
	err := sinks.Position{Line: 3, Column: 5}.Errorf("endpoint: %w", cause)
	assert.EqualError(t, err, "line 3, column 5: endpoint: cause")
	assert.ErrorIs(t, err, cause)
	assert.EqualError(t, sinks.Position{}.Errorf("x"), "x", "unknown places are not shown")
}

func TestKind(t *testing.T) {
	var opened config
	k := sinks.NewKind("x", sinks.Now, func() config { return config{Size: 7} },
		func(_ context.Context, c config, _ sinks.Env) (sinks.Sink, error) {
			opened = c
			return nil, nil
		})
	assert.Equal(t, "x", k.Name)
	assert.Equal(t, sinks.Now, k.Start)

	first, second := k.NewConfig(), k.NewConfig()
	require.NoError(t, yaml.Unmarshal([]byte("{deDot: true}"), first))
	_, err := k.Open(t.Context(), first, sinks.Env{})
	require.NoError(t, err)
	assert.Equal(t, config{Size: 7, Payload: sinks.Payload{DeDot: true}}, opened, "decoded over the defaults")
	assert.Equal(t, &config{Size: 7}, second, "each its own")

	_, err = k.Open(t.Context(), "nonsense", sinks.Env{})
	assert.EqualError(t, err, "open x: config is string")
}
