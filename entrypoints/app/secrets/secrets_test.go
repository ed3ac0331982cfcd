package secrets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

// canary is what must never be printed.
const canary = "hunter2-canary"

// refs makes References of their spelling.
func refs(t *testing.T, texts ...string) []config.Reference {
	t.Helper()
	var all []config.Reference
	for i, text := range texts {
		ref, _, err := secret.Parse(text)
		require.NoError(t, err)
		require.NotNil(t, ref, text)
		all = append(all, config.Reference{Secret: *ref, Key: fmt.Sprintf("receivers[%d].token", i)})
	}
	return all
}

func noKube(bool) (rest.Interface, error) { return nil, errors.New("there is no cluster") }

func fetchAll(t *testing.T, c *Cache, texts ...string) []string {
	t.Helper()
	values, err := c.Fetch(t.Context(), Request{References: refs(t, texts...), TTL: time.Minute, Kube: noKube})
	require.NoError(t, err)
	var revealed []string
	for _, v := range values {
		revealed = append(revealed, v.Reveal())
	}
	return revealed
}

// fails returns the error of a reference that has no value.
func fails(t *testing.T, c *Cache, text string) error {
	t.Helper()
	_, err := c.Fetch(t.Context(), Request{References: refs(t, text), TTL: time.Minute, Kube: noKube})
	require.Error(t, err)
	var failure *Error
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, "receivers[0].token", failure.Reference.Key)
	assert.NotContains(t, err.Error(), canary)
	return err
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for content, want := range map[string]string{
		"a": "a", "a\n": "a", "a\r\n": "a", "a\n\n": "a\n", "a\t": "a\t", "a\nb\n": "a\nb",
	} {
		path := filepath.Join(dir, "token")
		write(t, path, content)
		assert.Equal(t, []string{want}, fetchAll(t, New(Options{}), "file:"+path))
	}
	err := fails(t, New(Options{}), "file:"+dir+"/none")
	assert.EqualError(t, err, "secret file:"+dir+"/none: no such file or directory")
	assert.True(t, fetch.IsWrong(err))
	write(t, filepath.Join(dir, "empty"), "\n")
	assert.EqualError(t, fails(t, New(Options{}), "file:"+dir+"/empty"), "secret file:"+dir+"/empty: is empty")
	assert.ErrorContains(t, fails(t, New(Options{}), "file:"+dir), "is a directory")
	assert.EqualError(t, fails(t, New(Options{}), "file:/dev/zero"), "secret file:/dev/zero: is larger than 1048576 bytes")
}

func TestKeysOfAJSONObject(t *testing.T) {
	const object = `{"token": "` + canary + `", "port": 12345678901234567890, "on": true, "no": null, "in": {"a": "b"}, "list": ["x"]}`
	for key, want := range map[string]string{"": object, "token": canary, "port": "12345678901234567890"} {
		value, err := text(object).value(key)
		require.NoError(t, err)
		assert.Equal(t, want, value)
	}
	for key, want := range map[string]string{
		"Token": `has no key "Token"`, "on": `key "on" is neither a text nor a number`, "no": "neither", "in": "neither", "list": "neither",
	} {
		_, err := text(object).value(key)
		require.ErrorContains(t, err, want)
		assert.True(t, fetch.IsWrong(err))
		assert.NotContains(t, err.Error(), canary)
	}
	for _, other := range []string{canary, `["` + canary + `"]`, `{"` + canary, ""} {
		_, err := text(other).value("key")
		require.EqualError(t, err, `is no JSON object, so it has no key "key"`)
	}
}

// clock can be moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func TestAValueIsKeptForTheTTLAndUntilItIsForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	moving := &clock{at: time.Unix(1e9, 0)}
	c := New(Options{Now: moving.now})
	write(t, path, "one")
	assert.Equal(t, []string{"one"}, fetchAll(t, c, "file:"+path))
	write(t, path, "two")
	moving.move(time.Minute - 1)
	assert.Equal(t, []string{"one"}, fetchAll(t, c, "file:"+path))
	moving.move(1)
	assert.Equal(t, []string{"two"}, fetchAll(t, c, "file:"+path))
	write(t, path, "three")
	c.Forget()
	assert.Equal(t, []string{"three"}, fetchAll(t, c, "file:"+path))
}

func TestEveryReferenceWithoutAValueIsSaid(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/ok", "x")
	_, err := New(Options{}).Fetch(t.Context(), Request{
		References: refs(t, "file:"+dir+"/a", "file:"+dir+"/ok", "k8s:ns/b#c", "file:"+dir+"/a"), TTL: time.Minute, Kube: noKube,
	})
	require.Error(t, err)
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 3)
	assert.Equal(t, "secret k8s:ns/b#c: there is no cluster", lines[1])
}

func TestTheCacheMayBeUsedConcurrently(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, "x")
	c := New(Options{})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				_, err := c.Fetch(t.Context(), Request{References: refs(t, "file:"+path), TTL: time.Nanosecond, Kube: noKube})
				assert.NoError(t, err)
				c.Forget()
			}
		})
	}
	group.Wait()
}
