//go:build !slim || aws

package secrets

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

func TestWhatCannotBeHadForNowIsUsedOnAndWhatIsGoneIsNot(t *testing.T) {
	service := awsService(t)
	service.put("prod/slack", canary)
	moving := &clock{at: time.Unix(1e9, 0)}
	c := New(Options{Now: moving.now})
	var log bytes.Buffer
	request := Request{References: refs(t, "awssm:prod/slack"), TTL: time.Minute, Kube: noKube, Log: slog.New(slog.NewTextHandler(&log, nil))}
	values, err := c.Fetch(t.Context(), request)
	require.NoError(t, err)
	assert.Equal(t, canary, values[0].Reveal())

	moving.move(time.Hour)
	service.answer(503, `{"__type":"InternalServiceError"}`)
	values, err = c.Fetch(t.Context(), request)
	require.NoError(t, err)
	assert.Equal(t, canary, values[0].Reveal())
	assert.Contains(t, log.String(), "its known value is used on")
	assert.Contains(t, log.String(), "secret=awssm:prod/slack")
	assert.NotContains(t, log.String(), canary)

	service.answer(400, `{"__type":"ResourceNotFoundException","Message":"gone"}`)
	_, err = c.Fetch(t.Context(), request)
	require.ErrorContains(t, err, "does not exist", "who deletes a secret means it")

	service.answer(503, `{"__type":"InternalServiceError"}`)
	c.Forget()
	_, err = c.Fetch(t.Context(), request)
	require.Error(t, err)
	assert.False(t, fetch.IsWrong(err), "nothing is wrong with the configuration")
}

func TestEachPlaceIsAskedOnceAndAFewAtATime(t *testing.T) {
	service := awsService(t)
	service.put("both", `{"a":"1","b":"2"}`)
	var names, want []string
	for range 3 {
		names, want = append(names, "awssm:both#a", "awssm:both#b", "awssm:both#a"), append(want, "1", "2", "1")
	}
	c := New(Options{})
	assert.Equal(t, want, fetchAll(t, c, names...))
	assert.Equal(t, 1, service.calls())
	assert.Equal(t, want, fetchAll(t, c, names...))
	assert.Equal(t, 1, service.calls())

	names = nil
	service.waitFor(atOnce) // with fewer at a time none would be answered
	for i := range 5 * atOnce {
		name := fmt.Sprintf("many-%d", i)
		service.put(name, "x")
		names = append(names, "awssm:"+name)
	}
	fetchAll(t, c, names...)
	assert.Equal(t, 41, service.calls())
	assert.Equal(t, atOnce, service.most())
}
