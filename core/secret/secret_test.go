package secret

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const value = "hunter2"

type config struct {
	Name   string            `json:"name" yaml:"name"`
	Token  String            `json:"token" yaml:"token"`
	Ptr    *String           `json:"ptr" yaml:"ptr"`
	Header map[string]String `json:"header" yaml:"header"`
	List   []String          `json:"list" yaml:"list"`
	hidden String
}

func full() config {
	s := New(value)
	return config{Name: "n", Token: s, Ptr: &s, Header: map[string]String{"a": s}, List: []String{s}, hidden: s}
}

func TestNeverPrints(t *testing.T) {
	c := full()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s", "%-5.2s", "%T %v"} {
		for _, v := range []any{c.Token, &c.Token, c.Header, c.List, struct{ S String }{c.Token}} {
			assertHidden(t, fmt.Sprintf(verb, v))
		}
	}
	for _, v := range []any{c.Token, c.Ptr, c.Header, c.List} {
		assertHidden(t, fmt.Sprint(v))
		assert.Contains(t, fmt.Sprintf("%#v", []any{c.Token}), mask)
		b, err := json.Marshal(v)
		require.NoError(t, err)
		assertHidden(t, string(b))
		b, err = yaml.Marshal(v)
		require.NoError(t, err)
		assertHidden(t, string(b))
	}
	assertHidden(t, c.Token.String())
	assertHidden(t, errors.Join(fmt.Errorf("send to %v", c.Token)).Error())
	b, err := json.Marshal(c)
	require.NoError(t, err)
	assertHidden(t, string(b))
}

// fmt cannot call the methods of what is in an unexported field.
func TestNeverPrintsOutOfUnexportedFields(t *testing.T) {
	c := full()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, v := range []any{c, &c, []config{c}, map[string]*config{"a": &c}, struct{ inner config }{c}} {
			assertHidden(t, fmt.Sprintf(verb, v))
		}
	}
	assertHidden(t, fmt.Sprint(errors.Join(fmt.Errorf("%v", c))))
}

func TestNeverLogs(t *testing.T) {
	c := full()
	var b bytes.Buffer
	for _, log := range []*slog.Logger{slog.New(slog.NewTextHandler(&b, nil)), slog.New(slog.NewJSONHandler(&b, nil))} {
		log.Info("opened", "token", c.Token, "pointer", c.Ptr, "header", c.Header, "list", c.List,
			slog.Group("g", "token", c.Token))
	}
	assertHidden(t, b.String())
}

func assertHidden(t *testing.T, text string) {
	t.Helper()
	for _, form := range []string{value, fmt.Sprintf("%x", value), fmt.Sprintf("%X", value), "hun"} {
		assert.NotContains(t, text, form)
	}
}

func TestReveal(t *testing.T) {
	assert.Equal(t, value, New(value).Reveal())
	assert.True(t, String{}.IsZero())
	assert.False(t, New(value).IsZero())
	assert.Empty(t, String{}.String(), "an absent secret does not look like a present one")
}

func TestComesOutOfAConfiguration(t *testing.T) {
	var c config
	require.NoError(t, yaml.Unmarshal([]byte("token: hunter2\nptr: hunter2\nheader: {a: 5}\nlist: ['', true]\n"), &c))
	assert.Equal(t, value, c.Token.Reveal())
	assert.Equal(t, value, c.Ptr.Reveal())
	assert.Equal(t, "5", c.Header["a"].Reveal())
	assert.Equal(t, "true", c.List[1].Reveal())
	require.NoError(t, json.Unmarshal([]byte(`{"token":"x\u0000y"}`), &c))
	assert.Equal(t, "x\x00y", c.Token.Reveal())
}
