package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/sinks"
)

// MaxBytes is the size of the largest configuration that is read: what a
// Kubernetes ConfigMap can hold.
const MaxBytes = 1 << 20

// parse reads the one YAML document of a file. Its error says where the file
// stops being YAML, without quoting values.
func parse(data []byte) (*yaml.Node, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("the file is %s, the limit is %s", inBytes(len(data)), inBytes(MaxBytes))
	}
	first, second, err := documents(data)
	if err != nil {
		return nil, syntaxError(data, err)
	}
	if second != nil {
		return nil, at(second).Errorf("a second YAML document begins here, only one is read")
	}
	if first == nil {
		return nil, errors.New("the file is empty, there is nothing to send and nowhere to send it")
	}
	return first, nil
}

// documents gives the root nodes of the first two documents. An empty document
// behind the first, such as a closing "---" makes, is none.
func documents(data []byte) (first, second *yaml.Node, err error) {
	defer func() {
		// The library answers input that it has no answer for by a panic.
		if recover() != nil {
			err = errUnreadable
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(data))
	for _, root := range []**yaml.Node{&first, &second} {
		var doc yaml.Node
		if err := d.Decode(&doc); errors.Is(err, io.EOF) {
			return first, second, nil
		} else if err != nil {
			return nil, nil, err
		}
		if len(doc.Content) == 1 && !isNull(doc.Content[0]) {
			*root = doc.Content[0]
		}
	}
	return first, second, nil
}

var errUnreadable = errors.New("this is not readable as YAML")

// syntaxError puts the line at which the fault is into a parser's error. The
// library names a line only sometimes, and then often that of the block around
// the fault. The true one is the last line of the shortest beginning of the
// file that fails in the same way.
func syntaxError(data []byte, err error) error {
	text := message(err)
	lines := bytes.SplitAfter(data, []byte("\n"))
	n := sort.Search(len(lines), func(n int) bool {
		_, _, err := documents(bytes.Join(lines[:n], nil))
		return err != nil && message(err) == text
	})
	if n == 0 || n > len(lines) {
		return errors.New(text)
	}
	line := lines[n-1]
	if indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]; bytes.ContainsRune(indent, '\t') {
		text += ": indent with spaces, YAML takes no tabs"
	} else if bytes.Contains(line, []byte("${")) || bytes.Contains(line, []byte("{{")) {
		text += `: put a value with ${NAME} or {{ }} in quotes`
	}
	// A line of a broken file may hold a secret anywhere but in its key.
	if key := leadingKey.FindSubmatch(line); key != nil {
		text += fmt.Sprintf(", at %q", key[1])
	}
	return &sinks.PositionError{Position: sinks.Position{Line: n}, Err: fmt.Errorf("not valid YAML: %s", text)}
}

var (
	leadingKey  = regexp.MustCompile(`^\s*(?:- +)?([A-Za-z][A-Za-z0-9_.-]{0,40}:)(?:\s|$)`)
	libraryLine = regexp.MustCompile(`^(yaml: )?(line \d+: )?`)
)

func message(err error) string { return libraryLine.ReplaceAllString(err.Error(), "") }

// withoutValues takes what the YAML library quotes out of its text.
func withoutValues(text string) string {
	if i, j := strings.IndexByte(text, '`'), strings.LastIndexByte(text, '`'); i < j {
		return text[:i] + "value" + text[j+1:]
	}
	return text
}

func at(n *yaml.Node) sinks.Position { return sinks.Position{Line: n.Line, Column: n.Column} }

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }
