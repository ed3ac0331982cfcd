package statetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/state"
)

func badLetters(t *testing.T, s DeadLetterStorage) {
	good, copied := letter("dump", "uid.1"), letter("dump", "uid.2")
	put(t, s.Open(t), good)
	whole, err := state.EncodeDeadLetter(copied)
	require.NoError(t, err)
	bad := map[string]string{
		"empty.json":   "",
		"cut.json":     string(whole[:len(whole)/2]),
		"foreign.json": `{"receiver":"dump","id":"uid.2","event":{}}`,
		"newer.json":   strings.Replace(string(whole), `"version":1`, fmt.Sprintf(`"version":%d`, state.DeadLetterVersion+1), 1),
		"copied.json":  string(whole),
	}
	for name, raw := range bad {
		s.Plant(t, name, []byte(raw))
	}
	var found []state.DeadLetter
	var errs []error
	for d, err := range s.Open(t).All(t.Context()) {
		if err == nil {
			found = append(found, d)
			continue
		}
		require.ErrorIs(t, err, state.ErrBadDeadLetter)
		require.Equal(t, state.DeadLetter{}, d)
		errs = append(errs, err)
	}
	require.Len(t, found, 1)
	requireEqual(t, good, found[0])
	require.Len(t, errs, len(bad))
	said := errors.Join(errs...).Error()
	for name := range bad {
		require.Contains(t, said, name)
	}
	require.Contains(t, said, "use a newer release")
	require.Contains(t, said, state.DeadLetterName(copied.Key()))
}

func foreignFiles(t *testing.T, s DeadLetterStorage) {
	for _, name := range []string{"README.txt", ".hidden.json", "lost+found/x.json", "uid.1"} {
		s.Plant(t, name, []byte("of somebody else"))
	}
	before := s.Names(t)
	d := letter("dump", "uid.1")
	put(t, s.Open(t), d)
	requireLetters(t, s, d)
	require.NoError(t, s.Open(t).Delete(t.Context(), d.Key()))
	for _, name := range before {
		require.Contains(t, s.Names(t), name)
	}
}
