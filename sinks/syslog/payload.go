package syslog

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

type render = func(*event.Event) (string, error)

// layout is what a message is made from.
type layout struct {
	config     Config
	hostname   render
	msgID      render
	parameters map[string]render
	payload    func(*event.Event) ([]byte, error)
}

func newLayout(c Config, compiler sinks.Compiler) (*layout, error) {
	l := &layout{config: c, parameters: map[string]render{}}
	var err error
	l.hostname = func(ev *event.Event) (string, error) { return ev.Host(), nil }
	if !c.Hostname.IsZero() {
		if l.hostname, err = compiler.Template(c.Hostname); err != nil {
			return nil, fmt.Errorf("hostname: %w", err)
		}
	}
	if l.msgID, err = compiler.Template(c.MsgID); err != nil {
		return nil, fmt.Errorf("msgID: %w", err)
	}
	for name, text := range c.parameters() {
		if l.parameters[name], err = compiler.Template(text); err != nil {
			return nil, fmt.Errorf("structuredData: %s: %w", name, err)
		}
	}
	l.payload, err = compiler.Payload(c.Payload)
	return l, err
}

// message is one syslog message without its framing.
func (l *layout) message(ev *event.Event) ([]byte, error) {
	body, err := l.payload(ev)
	if err != nil {
		return nil, err
	}
	host, err := l.hostname(ev)
	if err != nil {
		return nil, fmt.Errorf("hostname: %w", err)
	}
	priority := slices.Index(facilities, l.config.Facility)*8 + severity(ev)
	tag, at := l.config.Tag, ev.Time()
	if l.config.Format == rfc3164 && l.config.Network == "" {
		// The machine's own syslog knows the host, and takes a name here for the tag.
		return append(fmt.Appendf(nil, "<%d>%s %s: ", priority, at.Format(time.Stamp), header(tag, 32)), body...), nil
	}
	if l.config.Format == rfc3164 {
		// With a time that has a year and a zone, as Go's library writes it, and upstream.
		head := fmt.Sprintf("<%d>%s %s %s: ", priority, at.Format(time.RFC3339), header(host, 255), header(tag, 32))
		return append([]byte(head), body...), nil
	}
	id, err := l.msgID(ev)
	if err != nil {
		return nil, fmt.Errorf("msgID: %w", err)
	}
	data, err := l.structuredData(ev)
	if err != nil {
		return nil, err
	}
	head := fmt.Sprintf("<%d>1 %s %s %s - %s %s ",
		priority, at.Format("2006-01-02T15:04:05.000000Z07:00"), header(host, 255), header(tag, 48), header(id, 32), data)
	return append([]byte(head), body...), nil
}

func (l *layout) structuredData(ev *event.Event) (string, error) {
	var out strings.Builder
	write := func(name, value string) { out.WriteString(" " + name + `="` + escape(value) + `"`) }
	out.WriteString("[" + l.config.SDID)
	write("id", ev.ID())
	for _, name := range slices.Sorted(maps.Keys(l.parameters)) {
		value, err := l.parameters[name](ev)
		if err != nil {
			return "", fmt.Errorf("structuredData: %s: %w", name, err)
		}
		write(name, value)
	}
	return out.String() + "]", nil
}

// severity of RFC 5424. Upstream's is 0, which some machines tell to everybody.
func severity(ev *event.Event) int {
	const warning, notice, informational = 4, 5, 6
	switch ev.Type {
	case corev1.EventTypeWarning:
		return warning
	case corev1.EventTypeNormal:
		return informational
	}
	return notice // a type of somebody's own
}

// header is a text as a field of the header: printable and without spaces.
func header(text string, length int) string {
	text = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, text)
	if text == "" {
		return "-"
	}
	return text[:min(len(text), length)]
}

// escape is a text as a value of structured data (RFC 5424, 6.3.3). No control
// characters: a line break would begin a message. What is not UTF-8 is replaced.
func escape(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(text)
}

// frame makes what is written to a stream for a message.
func (c Config) frame(message []byte) []byte {
	if c.framing() == octet {
		return append([]byte(strconv.Itoa(len(message))+" "), message...)
	}
	return append(slices.Clone(message), '\n')
}
