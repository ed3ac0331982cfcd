package eventbridge

import (
	"fmt"
	"strings"

	"github.com/packetboat/packetboat/core/event"
)

const (
	maxSource     = 256 // characters
	maxDetailType = 128
	timeBytes     = 14 // what EventBridge counts for the time
	margin        = 4*(maxSource+maxDetailType) + timeBytes
)

// envelope is what rules match beside the detail.
type envelope struct{ source, detailType string }

func (s *sink) envelope(ev *event.Event) (envelope, error) {
	source, err := s.source(ev)
	if err != nil {
		return envelope{}, fmt.Errorf("source: %w", err)
	}
	detailType, err := s.detailType(ev)
	if err != nil {
		return envelope{}, fmt.Errorf("detailType: %w", err)
	}
	e := envelope{cut(source, maxSource), cut(detailType, maxDetailType)}
	switch {
	case e.source == "" || strings.HasPrefix(e.source, "aws."):
		return envelope{}, s.config.Source.Position.Errorf("source: as rendered for this event it is empty or AWS's own")
	case e.detailType == "":
		return envelope{}, s.config.DetailType.Position.Errorf("detailType: as rendered for this event it is empty")
	}
	return e, nil
}

func cut(text string, characters int) string {
	if runes := []rune(text); len(runes) > characters {
		return string(runes[:characters])
	}
	return text
}
