package sqs

import (
	"fmt"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks/awsclient"
)

// group is what a FIFO queue keeps in order; "" for a queue without groups.
func (s *sink) group(ev *event.Event) (string, error) {
	if s.groupID == nil {
		if !s.config.isFIFO() {
			return "", nil
		}
		return awsclient.Token(string(ev.InvolvedObject.UID), "events"), nil
	}
	group, err := s.groupID(ev)
	if err != nil {
		return "", fmt.Errorf("messageGroupID: %w", err)
	}
	return awsclient.Token(group, "events"), nil
}
