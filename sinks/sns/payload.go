package sns

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks/awsclient"
)

const (
	maxSubject   = 100 // characters, all of them ASCII
	maxAttribute = 256 // characters of a value; SNS has no limit but the message's
	stringType   = "String"
)

// envelope is what a message has beside its body and its ID.
type envelope struct {
	subject    string
	group      string
	attributes map[string]types.MessageAttributeValue
}

func (s *sink) envelope(ev *event.Event) (envelope, error) {
	e := envelope{attributes: map[string]types.MessageAttributeValue{}}
	if s.subject != nil {
		text, err := s.subject(ev)
		if err != nil {
			return envelope{}, fmt.Errorf("subject: %w", err)
		}
		e.subject = subjectLine(text)
	}
	for name, render := range s.attributes {
		value, err := render(ev)
		if err != nil {
			return envelope{}, fmt.Errorf("attributes: %s: %w", name, err)
		}
		if value = attributeText(value); value != "" { // SNS takes no empty ones
			e.attributes[name] = attribute(value)
		}
	}
	switch {
	case s.groupID != nil:
		group, err := s.groupID(ev)
		if err != nil {
			return envelope{}, fmt.Errorf("messageGroupID: %w", err)
		}
		e.group = awsclient.Token(group, "events")
	case s.config.isFIFO():
		e.group = awsclient.Token(string(ev.InvolvedObject.UID), "events")
	}
	return e, nil
}

func attribute(value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String(stringType), StringValue: &value}
}

// subjectLine is a text as SNS takes it for a subject: one line of ASCII that
// begins with neither a space nor a control character.
func subjectLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f:
			return ' '
		case r > '~':
			return '?'
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	return strings.TrimSpace(text[:min(len(text), maxSubject)])
}

func attributeText(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, string(awsclient.Message([]byte(text))))
	if runes := []rune(text); len(runes) > maxAttribute {
		text = string(runes[:maxAttribute])
	}
	return text
}

// margin is what a message may have beside its body at most, in bytes.
func (c Config) margin() int {
	n := maxSubject + len(idAttribute) + len(stringType) + awsclient.TokenBytes
	for name := range c.Attributes {
		n += len(name) + len(stringType) + 4*maxAttribute
	}
	return n
}
