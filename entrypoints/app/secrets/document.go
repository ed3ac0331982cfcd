package secrets

import (
	"encoding/json"
	"strings"

	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

// A document is what lies at one place.
type document interface {
	// value is all of it, or that of a key. Its error holds nothing of any value.
	value(key string) (string, error)
}

// text is a value, or a JSON object of several.
type text string

func (t text) value(key string) (string, error) {
	if key == "" {
		return string(t), nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(t), &fields) != nil {
		return "", fetch.Wrongf("is no JSON object, so it has no key %q", key)
	}
	raw, ok := fields[key]
	if !ok {
		return "", fetch.Wrongf("has no key %q", key)
	}
	var one any
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.UseNumber()
	_ = decoder.Decode(&one) // a part of what was decoded
	switch v := one.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	}
	return "", fetch.Wrongf("key %q is neither a text nor a number", key)
}

// line is a text without the line break that editors and echo leave at its end.
func line(content []byte) string {
	s := strings.TrimSuffix(string(content), "\n")
	return strings.TrimSuffix(s, "\r")
}

// keys are the values of a Kubernetes Secret.
type keys map[string][]byte

func (k keys) value(key string) (string, error) {
	content, ok := k[key]
	if !ok {
		return "", fetch.Wrongf("has no key %q", key)
	}
	return line(content), nil
}
