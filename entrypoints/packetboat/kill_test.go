package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/kube"
	"github.com/packetboat/packetboat/deploy/local/load"
)

// killings runs the command over and over, ends it at random moments, and looks
// at what it left behind.
type killings struct {
	cluster *local.Cluster
	binary  string
	written []load.Event // in namespace shop
	signal  syscall.Signal
	source  string // of the configuration
	want    int    // runs to be ended
	random  *rand.Rand

	usual time.Duration // how long an undisturbed run takes
	ended int
	// repeated counts lines that were there before; ahead counts, over all kills,
	// the events that were in the file and not yet committed, most the most of one.
	repeated, ahead, most int
}

// testKills ends runs until enough of them were hit, each time started again
// until all is delivered, and then begins anew with an empty file.
func (k *killings) testKills(t *testing.T, checkpoint func(dir string) store) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	k.random = rand.New(rand.NewPCG(seed, 0))
	began := time.Now()
	k.delivery(t, checkpoint, 0)
	k.usual = time.Since(began)
	deliveries := 0
	for k.ended < k.want {
		k.delivery(t, checkpoint, k.want-k.ended)
		deliveries++
	}
	assert.LessOrEqual(t, k.repeated, k.ahead, "an event was repeated that the checkpoint had passed")
	t.Logf("%d events, %d runs ended by %s in %d deliveries of %s: %d events repeated, at most %d after one",
		len(k.written), k.ended, k.signal, deliveries, k.usual.Round(time.Millisecond), k.repeated, k.most)
}

// delivery delivers everything into a new file, with no more than some runs ended
// on the way.
func (k *killings) delivery(t *testing.T, checkpoint func(dir string) store, most int) {
	dir := t.TempDir()
	s := checkpoint(dir)
	file := filepath.Join(dir, "events.jsonl")
	writeFile(t, filepath.Join(dir, "config.yaml"), fmt.Sprintf(fileConfig, k.source)+
		"delivery: {batch: {size: 100}}\n")
	ended := 0
	for ; !k.run(t, dir, s.ref, ended < most); ended++ {
		committed := s.cursor(t)
		ahead := 0
		for _, ev := range readExport(t, file, false) {
			if ev.version > committed {
				ahead++
			}
		}
		k.ahead += ahead
		k.most = max(k.most, ahead)
	}
	k.ended += ended
	k.verify(t, readExport(t, file, true), ended)
	require.NoError(t, os.RemoveAll(dir))
}

// run makes one run and reports whether it came to its own end.
func (k *killings) run(t *testing.T, dir, checkpoint string, end bool) bool {
	c := newChild(t, k.binary, dir, "run", "--config", "config.yaml", "--checkpoint", checkpoint,
		"--kubeconfig", k.cluster.Kubeconfig(local.Admin), "--output", "json")
	require.NoError(t, c.Start())
	if end {
		timer := time.AfterFunc(time.Duration(k.random.Int64N(int64(k.usual))), func() { _ = c.Process.Signal(k.signal) })
		defer timer.Stop()
	}
	err := c.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() {
		return false
	}
	report := c.report(t)
	require.Nil(t, report.LeaseHeldBy)
	return report.CaughtUp
}

// verify is what no end at any moment may break: no event is missing, no line is
// torn, what comes again is the same, and only from where a run went on.
func (k *killings) verify(t *testing.T, all []exportedEvent, ended int) {
	t.Helper()
	got := map[string]exportedEvent{}
	rewinds, last := 0, int64(0)
	for _, ev := range all {
		before, again := got[ev.uid]
		if again {
			k.repeated++
			require.Equal(t, before.line, ev.line, "an event came again, and is another one")
		}
		got[ev.uid] = ev
		if ev.version <= last {
			rewinds++
		}
		last = ev.version
	}
	require.LessOrEqual(t, rewinds, ended, "each end sets a run back at most once")
	for _, want := range k.written {
		require.Equal(t, want.ResourceVersion, strconv.FormatInt(got[want.UID].version, 10), "event %s, 0 if it is missing", want.UID)
		delete(got, want.UID)
	}
	require.Empty(t, got, "what was never written")
}

// exportedEvent is a line of a receiver's file.
type exportedEvent struct {
	uid     string
	version int64
	line    string
}

// readExport reads a file, of which only a whole one has no torn end.
func readExport(t *testing.T, path string, whole bool) (all []exportedEvent) {
	t.Helper()
	text, err := os.ReadFile(path)
	if !whole && errors.Is(err, os.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	if end := bytes.LastIndexByte(text, '\n') + 1; end < len(text) {
		require.False(t, whole, "the last line is torn")
		text = text[:end]
	}
	for line := range strings.Lines(string(text)) {
		var ev exported
		require.NoError(t, json.Unmarshal([]byte(line), &ev), line)
		version, err := strconv.ParseInt(ev.Metadata.ResourceVersion, 10, 64)
		require.NoError(t, err)
		all = append(all, exportedEvent{ev.Metadata.UID, version, line})
	}
	return all
}

// store is where the checkpoint is, and how a test looks at it after a kill.
type store struct {
	ref    string
	cursor func(t *testing.T) int64 // of the one receiver
}

func inFile(dir string) store {
	path := filepath.Join(dir, "checkpoint.json")
	return store{"file:" + path, func(t *testing.T) int64 {
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return 0
		}
		require.NoError(t, err)
		return cursorIn(t, text)
	}}
}

// inConfigMap needs help between two runs: the lease of a killed run holds the
// next one up for 30 s, so that it is ended as those would end it.
func inConfigMap(client *kube.Client) func(dir string) store {
	return func(string) store {
		name := fmt.Sprintf("packetboat-%x", time.Now().UnixNano())
		path := "/api/v1/namespaces/shop/configmaps/" + name
		return store{"configmap:shop/" + name, func(t *testing.T) int64 {
			for {
				cursor, changed := endLease(t, client, path)
				if !changed {
					return cursor
				}
			}
		}}
	}
}

// endLease reports that the checkpoint changed meanwhile: the last commit of a
// killed run may still be on its way.
func endLease(t *testing.T, client *kube.Client, path string) (cursor int64, changed bool) {
	var object struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
		Data map[string]string `json:"data"`
	}
	err := client.Get(t.Context(), path, &object)
	if kube.Is(err, http.StatusNotFound) {
		return 0, false
	}
	require.NoError(t, err)
	text := object.Data["checkpoint.json"]
	var checkpoint map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &checkpoint))
	checkpoint["lease"].(map[string]any)["expires"] = "2026-01-02T03:04:05Z"
	ended, err := json.Marshal(checkpoint)
	require.NoError(t, err)
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]string{"resourceVersion": object.Metadata.ResourceVersion},
		"data":     map[string]string{"checkpoint.json": string(ended)},
	})
	require.NoError(t, err)
	_, err = client.Do(t.Context(), http.MethodPatch, path, kube.MergePatch, patch)
	if kube.Is(err, http.StatusConflict) {
		return 0, true
	}
	require.NoError(t, err)
	return cursorIn(t, []byte(text)), false
}

func cursorIn(t *testing.T, checkpoint []byte) int64 {
	t.Helper()
	var c struct {
		Clusters map[string]map[string]struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"clusters"`
	}
	require.NoError(t, json.Unmarshal(checkpoint, &c), "%s", checkpoint)
	for _, receivers := range c.Clusters {
		version, err := strconv.ParseInt(receivers["archive"].ResourceVersion, 10, 64)
		require.NoError(t, err)
		return version
	}
	return 0
}
