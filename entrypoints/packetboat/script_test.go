package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/packetboat/packetboat/deploy/local/kube"
	"github.com/packetboat/packetboat/deploy/local/load"
)

// world is what one script has done so far.
type world struct {
	client    *kube.Client
	namespace string
	hook      hook

	written []load.Event     // every version that was written, in order
	read    map[string]place // how far delivers has looked at each file
}

type worldKey struct{}

// place is what a script has looked at: lines of a file, versions written.
type place struct{ lines, written int }

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

// patience is how long a script waits for what another process does.
const patience = 60 * time.Second

func (w *world) createNamespace(name string) error {
	return load.Namespace(context.Background(), w.client, name)
}

// events writes events as the components of a cluster do.
//
//	events create N [-n NAMESPACE]
//	events update N [-n NAMESPACE]   N of them happen once more: count is raised
func events(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	args, namespace := option(args, "-n", w.namespace)
	if neg || len(args) != 2 {
		ts.Fatalf("usage: events create|update N [-n NAMESPACE]")
	}
	n := number(ts, args[1])
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var written []load.Event
	var err error
	switch args[0] {
	case "create":
		ts.Check(w.createNamespace(namespace))
		written, err = load.Create(ctx, w.client, namespace, n)
	case "update":
		written, err = load.Update(ctx, w.client, w.newest(namespace)[:n])
	default:
		ts.Fatalf("events: %s?", args[0])
	}
	ts.Check(err)
	w.written = append(w.written, written...)
}

// newest are the latest versions of a namespace's events, in the order of their creation.
func (w *world) newest(namespace string) []load.Event {
	at := map[string]int{}
	var newest []load.Event
	for _, ev := range w.written {
		if ev.Namespace != namespace {
			continue
		}
		if i, seen := at[ev.UID]; seen {
			newest[i] = ev
			continue
		}
		at[ev.UID] = len(newest)
		newest = append(newest, ev)
	}
	return newest
}

// delivers checks that a file has got exactly the event versions that were
// written since the last look at it, each once, and that they are N.
//
//	delivers N FILE [-n NAMESPACE]
func delivers(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	args, namespace := option(args, "-n", w.namespace)
	if neg || len(args) != 2 {
		ts.Fatalf("usage: delivers N FILE [-n NAMESPACE]")
	}
	file := args[1]
	before := w.read[file]
	want := map[string]string{}
	for _, ev := range w.written[before.written:] {
		if ev.Namespace == namespace {
			want[ev.UID] = ev.ResourceVersion
		}
	}
	all := readLines(ts, file)
	got := map[string]string{}
	for _, line := range all[before.lines:] {
		ev := decode[exported](ts, line)
		if _, twice := got[ev.Metadata.UID]; twice {
			ts.Fatalf("%s: event %s is there twice", file, ev.Metadata.UID)
		}
		got[ev.Metadata.UID] = ev.Metadata.ResourceVersion
	}
	if !maps.Equal(got, want) {
		ts.Fatalf("%s: %d of %d versions written are among the %d new lines", file, common(got, want), len(want), len(got))
	}
	if n := number(ts, args[0]); n != len(got) {
		ts.Fatalf("%s: got %d events, want %d", file, len(got), n)
	}
	w.read[file] = place{lines: len(all), written: len(w.written)}
}

type exported struct {
	Metadata struct {
		UID             string `json:"uid"`
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
}

func common(a, b map[string]string) int {
	n := 0
	for k, v := range a {
		if b[k] == v {
			n++
		}
	}
	return n
}

// lines checks that a file has N lines, each of them JSON; with until it waits
// for them.
//
//	lines [until] N FILE
func lines(ts *testscript.TestScript, neg bool, args []string) {
	until := len(args) > 0 && args[0] == "until"
	if until {
		args = args[1:]
	}
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lines [until] N FILE")
	}
	want := number(ts, args[0])
	for began := time.Now(); until && time.Since(began) < patience; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(ts.MkAbs(args[1]))
		if err == nil && bytes.Count(text, []byte("\n")) >= want {
			return
		}
	}
	all := readLines(ts, args[1])
	for _, line := range all {
		decode[any](ts, line)
	}
	if len(all) != want {
		ts.Fatalf("%s: has %d lines, want %d", args[1], len(all), want)
	}
}

// readLines is the lines of a file, of which a missing one has none.
func readLines(ts *testscript.TestScript, file string) []string {
	var text string
	if file == "stdout" || file == "stderr" {
		text = ts.ReadFile(file)
	} else if b, err := os.ReadFile(ts.MkAbs(file)); err == nil {
		text = string(b)
	} else if !errors.Is(err, os.ErrNotExist) {
		ts.Check(err)
	}
	if text == "" {
		return nil
	}
	if !strings.HasSuffix(text, "\n") {
		ts.Fatalf("%s: the last line is torn", file)
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

func decode[T any](ts *testscript.TestScript, line string) T {
	var v T
	if err := json.Unmarshal([]byte(line), &v); err != nil {
		ts.Fatalf("not JSON: %v: %s", err, line)
	}
	return v
}

// exits runs a command and checks its exit code.
//
//	exits CODE COMMAND ARGUMENT...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGUMENT...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != number(ts, args[0]) {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// sendSignal sends a signal to what runs in the background.
//
//	signal TERM|INT|HUP|STOP|CONT
func sendSignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{
		"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "HUP": syscall.SIGHUP, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT,
	}
	if neg || len(args) != 1 || signals[args[0]] == 0 {
		ts.Fatalf("usage: signal %s", slices.Sorted(maps.Keys(signals)))
	}
	if len(ts.BackgroundCmds()) == 0 {
		ts.Fatalf("nothing runs in the background")
	}
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(signals[args[0]]))
	}
}

// size makes a file of so many bytes by repeating a line.
//
//	size BYTES FILE LINE
func size(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: size BYTES FILE LINE")
	}
	line := args[2] + "\n"
	text := strings.Repeat(line, number(ts, args[0])/len(line)+1)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}

func number(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		ts.Fatalf("want a number: %v", err)
	}
	return n
}

// option takes "NAME VALUE" out of args.
func option(args []string, name, otherwise string) (rest []string, value string) {
	i := slices.Index(args, name)
	if i < 0 || i+1 >= len(args) {
		return args, otherwise
	}
	return slices.Delete(slices.Clone(args), i, i+2), args[i+1]
}

func usage(ts *testscript.TestScript, text string, args []string) {
	ts.Fatalf("usage: %s, got %s", text, fmt.Sprint(args))
}
