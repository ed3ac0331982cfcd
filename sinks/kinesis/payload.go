package kinesis

import (
	"fmt"

	"github.com/packetboat/packetboat/core/event"
)

const (
	maxKeyRunes = 256
	maxKeyBytes = 4 * maxKeyRunes
)

// keyOf is what decides about the shard. An empty one is not allowed, and a
// longer one than Kinesis takes says as much by its beginning.
func (s *sink) keyOf(ev *event.Event) (string, error) {
	key := string(ev.UID)
	if s.partitionKey != nil {
		var err error
		if key, err = s.partitionKey(ev); err != nil {
			return "", fmt.Errorf("partitionKey: %w", err)
		}
	}
	if key == "" {
		key = ev.ID()
	}
	if runes := []rune(key); len(runes) > maxKeyRunes {
		key = string(runes[:maxKeyRunes])
	}
	return key, nil
}
