package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// MaxPayload is how many bytes an invocation's payload may have.
const MaxPayload = 1 << 20

// ErrPayload says that an invocation asks for something that cannot be: a retry
// with the same payload does not help, another invocation may be all right.
var ErrPayload = errors.New("payload")

func wrongPayload(format string, args ...any) error {
	return usage("%w: %w", ErrPayload, fmt.Errorf(format, args...))
}

// overrides are what the payload of an invocation says of its run.
type overrides struct {
	deadline  time.Duration // 0: the platform's alone
	receivers []string      // none: all
	clusters  []string      // none: all
	dryRun    bool
}

// parsePayload takes an object with at least one of our keys for overrides.
// Schedulers and queues send what they like: every other object, a text and
// nothing at all ask for a run as configured. But what looks like ours and is
// not must not become one, least of all a dry run with a slip.
func parsePayload(payload []byte) (overrides, error) {
	var o overrides
	if len(payload) > MaxPayload {
		return o, wrongPayload("it has %d bytes, the limit is %d", len(payload), MaxPayload)
	}
	if payload = bytes.TrimSpace(payload); !bytes.HasPrefix(payload, []byte("{")) {
		return o, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(payload, &object); err != nil {
		return o, wrongPayload("it begins as a JSON object and is none: %w", err)
	}
	var deadline string
	keys := map[string]struct {
		into any
		want string
	}{
		"deadline":  {&deadline, `a time such as "40s"`},
		"receivers": {&o.receivers, `a list of names such as ["slack"]`},
		"dryRun":    {&o.dryRun, "true or false"},
		"clusters":  {&o.clusters, `a list of names such as ["prod"]`},
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		key, ours := keys[name]
		if !ours {
			for right := range keys {
				if folded(name) == folded(right) {
					return o, wrongPayload("%s is not known: did you mean %q?", name, right)
				}
			}
			continue
		}
		value := object[name]
		if err := json.Unmarshal(value, key.into); err != nil || string(value) == "null" {
			return o, wrongPayload("%s: want %s, got %.100s", name, key.want, value)
		}
	}
	for key, names := range map[string][]string{"receivers": o.receivers, "clusters": o.clusters} {
		if names != nil && len(names) == 0 {
			return o, wrongPayload("%s: name at least one, or leave the key out for all", key)
		}
	}
	if _, given := object["deadline"]; given {
		var err error
		if o.deadline, err = time.ParseDuration(deadline); err != nil || o.deadline <= 0 {
			return o, wrongPayload("deadline: want %s, got %.100q", keys["deadline"].want, deadline)
		}
	}
	return o, nil
}

// folded is what two spellings of one key have in common.
func folded(key string) string {
	return strings.TrimSuffix(strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(key)), "s")
}
