package email

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// maxRecipients is what every server takes for one message (RFC 5321, 4.5.3.1.8).
const maxRecipients = 100

// envelope is who writes to whom.
type envelope struct {
	from       *mail.Address
	to, cc     []*mail.Address
	replyTo    []*mail.Address
	isOurs     bool // recipients are the configuration's own, not an event's
	fromIsOurs bool
}

// recipients are all who get the message, each once.
func (e envelope) recipients() []string {
	var all []string
	for _, a := range slices.Concat(e.to, e.cc) {
		if bare := path(a); !slices.Contains(all, bare) {
			all = append(all, bare)
		}
	}
	return all
}

// path is an address as SMTP wants it.
func path(a *mail.Address) string { return (&mail.Address{Address: a.Address}).String() }

// key is the same for messages that may share a connection, which is by whom they
// are for. It is a digest because a Key may be logged.
func (e envelope) key() string {
	sum := sha256.Sum256([]byte(path(e.from) + strings.Join(e.recipients(), "")))
	return hex.EncodeToString(sum[:8])
}

type render func(ev *event.Event) (string, error)

// addressBook compiles the templates of addresses.
type addressBook struct {
	from                      render
	to, cc, replyTo, fallback []render
	domains                   []string
	isOurs, fromIsOurs        bool
}

func newAddressBook(c Config, compiler sinks.Compiler) (addressBook, error) {
	b := addressBook{isOurs: true, fromIsOurs: isConstant(c.From)}
	for _, d := range c.Domains {
		b.domains = append(b.domains, strings.ToLower(strings.TrimPrefix(d, "@")))
	}
	var err error
	if b.from, err = b.compile(compiler, "from", c.From, false); err != nil {
		return b, err
	}
	for _, list := range []struct {
		key      string
		from     []sinks.Template
		into     *[]render
		receives bool
	}{
		{"to", c.To, &b.to, true}, {"cc", c.CC, &b.cc, true}, {"fallbackTo", c.FallbackTo, &b.fallback, true}, {"replyTo", c.ReplyTo, &b.replyTo, false},
	} {
		for _, t := range list.from {
			b.isOurs = b.isOurs && (isConstant(t) || !list.receives)
			r, err := b.compile(compiler, list.key, t, list.receives)
			if err != nil {
				return b, err
			}
			*list.into = append(*list.into, r)
		}
	}
	return b, nil
}

func isConstant(t sinks.Template) bool { return !strings.Contains(t.Text, "{{") }

// compile also reads what is no template: it is wrong now or never.
func (b addressBook) compile(compiler sinks.Compiler, key string, t sinks.Template, receives bool) (render, error) {
	r, err := compiler.Template(t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if !isConstant(t) {
		return r, nil
	}
	list, err := mail.ParseAddressList(t.Text)
	switch {
	case err != nil:
		return nil, t.Position.Errorf("%s: want an address, such as name@example.com", key)
	case key == "from" && len(list) != 1:
		return nil, t.Position.Errorf("from: want one address, got %d", len(list))
	}
	for _, a := range list {
		if receives && !b.allows(a) {
			return nil, t.Position.Errorf("%s: the address is in none of the domains", key)
		}
	}
	return r, nil
}

// of are the addresses for an event. An event that lacks what a template asks for
// has fewer.
func (b addressBook) of(ev *event.Event) (envelope, error) {
	e := envelope{isOurs: b.isOurs, fromIsOurs: b.fromIsOurs}
	from, err := b.parsed(ev, "from", []render{b.from}, false)
	switch {
	case err != nil:
		return e, err
	case len(from) != 1:
		return e, errors.New("from: as rendered for this event it is not one address")
	}
	e.from = from[0]
	if e.to, err = b.parsed(ev, "to", b.to, true); err != nil {
		return e, err
	}
	if len(e.to) == 0 {
		if e.to, err = b.parsed(ev, "fallbackTo", b.fallback, true); err != nil {
			return e, err
		}
	}
	if len(e.to) == 0 {
		return e, errors.New("to: as rendered for this event there is no address that mail may go to, and no fallbackTo has one")
	}
	if e.cc, err = b.parsed(ev, "cc", b.cc, true); err != nil {
		return e, err
	}
	if e.replyTo, err = b.parsed(ev, "replyTo", b.replyTo, false); err != nil {
		return e, err
	}
	if n := len(e.recipients()); n > maxRecipients {
		return e, fmt.Errorf("to: as rendered for this event there are %d recipients, more than %d", n, maxRecipients)
	}
	return e, nil
}

// parsed leaves out what is no address, and addresses that mail may not go to:
// whoever may write labels does not decide whom this program writes to.
func (b addressBook) parsed(ev *event.Event, key string, from []render, receives bool) ([]*mail.Address, error) {
	var all []*mail.Address
	for _, r := range from {
		text, err := r(ev)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		list, err := mail.ParseAddressList(text)
		if err != nil {
			continue // also of an empty text, and of one with <no value> in it
		}
		for _, a := range list {
			a.Name = oneLine(a.Name, nameRunes)
			if !receives || b.allows(a) {
				all = append(all, a)
			}
		}
	}
	return all, nil
}

func (b addressBook) allows(a *mail.Address) bool {
	return len(b.domains) == 0 || slices.Contains(b.domains, domain(a))
}

func domain(a *mail.Address) string {
	return strings.ToLower(a.Address[strings.LastIndexByte(a.Address, '@')+1:])
}
