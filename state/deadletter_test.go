package state_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/packetboat/packetboat/state"
)

// The stored form is a format that later releases and people read.
func TestDeadLetterFormat(t *testing.T) {
	d := state.DeadLetter{
		Receiver: "dump", ID: "uid.42", Reason: "400 Bad Request", Attempts: 1,
		Time:  time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Event: json.RawMessage(`{"message": "x"}`), Body: []byte("body"),
	}
	raw, err := state.EncodeDeadLetter(d)
	require.NoError(t, err)
	require.Equal(t, `{"version":1,"receiver":"dump","id":"uid.42","reason":"400 Bad Request","attempts":1,`+
		`"time":"2026-01-02T03:04:05Z","event":{"message":"x"},"body":"Ym9keQ=="}`+"\n", string(raw))
	require.Equal(t, "dump/uid.42", d.Key())
	name := state.DeadLetterName(d.Key())
	require.Equal(t, "dump_uid.42_f8fa85c3459591e7c0c57d773bb36486.json", name)

	got, err := state.DecodeDeadLetter(name, raw)
	require.NoError(t, err)
	d.Event = json.RawMessage(`{"message":"x"}`)
	require.Equal(t, d, got)
}

// Two pairs that share a name would overwrite each other's event.
func TestDeadLetterNames(t *testing.T) {
	safe := regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,158}\.json$`)
	part := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ab/.%2F]{0,6}`), rapid.StringMatching(`(x/){200,201}`))
	rapid.Check(t, func(t *rapid.T) {
		a := state.DeadLetter{Receiver: part.Draw(t, "receiver"), ID: part.Draw(t, "id")}
		b := state.DeadLetter{Receiver: part.Draw(t, "other receiver"), ID: part.Draw(t, "other id")}
		same := a.Receiver == b.Receiver && a.ID == b.ID
		assert.Equal(t, same, a.Key() == b.Key())
		assert.Equal(t, same, strings.EqualFold(state.DeadLetterName(a.Key()), state.DeadLetterName(b.Key())))
		assert.Regexp(t, safe, state.DeadLetterName(a.Key()))
		assert.True(t, state.IsDeadLetterName(state.DeadLetterName(a.Key())))
	})
}

func TestDecodeDeadLetterRefuses(t *testing.T) {
	const good = `{"version":1,"receiver":"dump","id":"uid.42","event":{}}`
	name := state.DeadLetterName("dump/uid.42")
	_, err := state.DecodeDeadLetter(name, []byte(good))
	require.NoError(t, err, "the cases below must differ from a good one only in their fault")
	for says, raw := range map[string]string{
		"unexpected end":           "",
		"no version":               strings.Replace(good, `"version":1,`, "", 1),
		"use a newer release":      strings.Replace(good, `"version":1`, `"version":2`, 1),
		"no receiver":              strings.Replace(good, `"dump"`, `""`, 1),
		"no ID":                    strings.Replace(good, `"uid.42"`, `""`, 1),
		"no event":                 strings.Replace(good, `{}}`, `null}`, 1),
		"renamed or copied":        strings.Replace(good, `"dump"`, `"dumb"`, 1),
		"larger than 16777216":     good + strings.Repeat(" ", state.MaxDeadLetter),
		"cannot unmarshal":         `[]`,
		"after top-level value":    good + "x",
		"cannot unmarshal string":  strings.Replace(good, `"event"`, `"attempts":"x","event"`, 1),
		"illegal base64":           strings.Replace(good, `"event"`, `"body":"%","event"`, 1),
		"exceeded max depth":       strings.Replace(good, `{}`, strings.Repeat("[", 100_000), 1),
		"it has no version, so it": `null`,
	} {
		d, err := state.DecodeDeadLetter(name, []byte(raw))
		require.ErrorIs(t, err, state.ErrBadDeadLetter, says)
		require.ErrorContains(t, err, says)
		require.Less(t, len(err.Error()), 500)
		require.Equal(t, state.DeadLetter{}, d)
	}
}

// A body is left out before the whole is refused, and the limit is exact.
func TestLargestDeadLetter(t *testing.T) {
	d := state.DeadLetter{Receiver: "dump", ID: "uid.42", Body: []byte("body")}
	sized := func(n int) state.DeadLetter {
		d.Event = json.RawMessage(`""`)
		raw, err := state.EncodeDeadLetter(d)
		require.NoError(t, err)
		d.Event = append(append([]byte{'"'}, bytes.Repeat([]byte("x"), n-len(raw))...), '"')
		return d
	}
	raw, err := state.EncodeDeadLetter(sized(state.MaxDeadLetter))
	require.NoError(t, err)
	require.Len(t, raw, state.MaxDeadLetter)
	got, err := state.DecodeDeadLetter(state.DeadLetterName(d.Key()), raw)
	require.NoError(t, err)
	require.Equal(t, "body", string(got.Body))

	raw, err = state.EncodeDeadLetter(sized(state.MaxDeadLetter + 1))
	require.NoError(t, err)
	require.NotContains(t, string(raw[len(raw)-100:]), `"body"`)

	d.Body = nil
	_, err = state.EncodeDeadLetter(sized(state.MaxDeadLetter + 1))
	require.ErrorContains(t, err, "it has 16777217 bytes without its body, at most 16777216 are stored")
}
