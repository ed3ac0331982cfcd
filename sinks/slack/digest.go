package slack

import (
	"encoding/json"
	"strings"

	"github.com/slack-go/slack"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/prose"
)

const (
	// maxGroups: Slack takes 50 blocks in a message.
	maxGroups = 45
	// maxDigest: Slack refuses blocks of more than about 13,000 characters together
	// (msg_blocks_too_long), which it does not document.
	maxDigest  = 12_000
	maxWhat    = 300
	maxNewest  = 300
	maxSummary = 1000
)

const (
	urgentColor = "#d97706"
	calmColor   = "#2563eb"
)

// EncodeDigest goes to the channel of the newest event.
func (s *sink) EncodeDigest(d *sinks.Digest) (sinks.Record, error) {
	channel, err := s.channelOf(d.Newest)
	if err != nil {
		return sinks.Record{}, err
	}
	body, err := d.Naming(maxGroups).Fit(maxDigest, func(d *sinks.Digest) ([]byte, error) {
		return json.Marshal(digestMessage(channel, d))
	})
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: d.ID, Key: channel, Event: d.Newest, Body: body}, nil
}

func digestMessage(channel string, d *sinks.Digest) message {
	m := message{Channel: channel, Text: mrkdwn(prose.Cut(prose.Headline(d), maxSummary))}
	a := slack.Attachment{Color: calmColor}
	for _, l := range prose.Lines(d) {
		if l.Warning {
			a.Color = urgentColor
		}
		a.Blocks.BlockSet = append(a.Blocks.BlockSet, section(groupText(l)))
	}
	if more := prose.More(d); more != "" && len(d.Groups) > 0 {
		a.Blocks.BlockSet = append(a.Blocks.BlockSet, section("_"+more+"_"))
	}
	if len(a.Blocks.BlockSet) > 0 {
		m.Attachments = []slack.Attachment{a}
	}
	return m
}

// section is verbatim: without it Slack looks for addresses and channels by itself.
func section(text string) slack.Block {
	return slack.NewSectionBlock(&slack.TextBlockObject{Type: slack.MarkdownType, Text: prose.Cut(text, maxSection), Verbatim: true}, nil, nil)
}

func groupText(l prose.Line) string {
	var b strings.Builder
	if l.Warning {
		b.WriteString("⚠ ")
	}
	if l.Reason != "" {
		b.WriteString("*" + mrkdwn(prose.Cut(l.Reason, maxWhat)) + "* ")
	}
	b.WriteString(mrkdwn(prose.Cut(l.What, maxWhat)) + "\n" + l.Facts())
	if l.Message != "" {
		b.WriteString("\n" + mrkdwn(prose.Cut(l.Message, maxNewest)))
	}
	return b.String()
}
