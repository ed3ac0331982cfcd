package alert

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/packetboat/packetboat/sinks"
)

// Config are the fields of an alert in Opsgenie and in Jira Service Management.
// All templates are rendered for each event, and for a digest on the newest one of
// its most urgent group.
type Config struct {
	// Message is the title. It and Description may hold HTML of the user's own.
	Message     sinks.Template `yaml:"message"`
	Description sinks.Template `yaml:"description"`
	// Alias names the alert; while one of a name is open there is no second.
	Alias sinks.Template `yaml:"alias"`
	// Priority is P1 to P5.
	Priority sinks.Template `yaml:"priority"`
	// Entity is what the alert is about.
	Entity sinks.Template `yaml:"entity"`
	// Source is who reports.
	Source sinks.Template `yaml:"source"`
	// Note goes into the alert's log.
	Note sinks.Template `yaml:"note"`
	// Tags mark the alert. One that is empty for an event is left out.
	Tags []sinks.Template `yaml:"tags"`
	// Details are shown with the alert.
	Details map[string]sinks.Template `yaml:"details"`
	// Responders are notified, VisibleTo only see the alert.
	Responders []Recipient `yaml:"responders"`
	VisibleTo  []Recipient `yaml:"visibleTo"`
}

// Recipient is a team, user, escalation or schedule by one of its names. One whose
// name is empty for an event is left out.
type Recipient struct {
	// Type is team, user, escalation or schedule.
	Type string `yaml:"type"`
	// ID is the service's own.
	ID sinks.Template `yaml:"id"`
	// Name is that of a team, an escalation or a schedule.
	Name sinks.Template `yaml:"name"`
	// Username is that of a user.
	Username sinks.Template `yaml:"username"`
}

// Defaults are the fields of an alert that nothing is said about.
func Defaults() Config {
	return Config{
		Message: sinks.Template{Text: "{{ .InvolvedObject.Kind }} " +
			"{{ with .InvolvedObject.Namespace }}{{ . }}/{{ end }}{{ .InvolvedObject.Name }}: {{ .Reason }}"},
		Description: sinks.Template{Text: "{{ .Message }}"},
		Priority:    sinks.Template{Text: defaultPriority},
		Source:      sinks.Template{Text: "packetboat"},
	}
}

// What Opsgenie takes, in characters where nothing else is said:
// https://docs.opsgenie.com/docs/alert-api, "Create Alert". Jira Service
// Management names no limits of its own and has the same service behind it.
const (
	maxMessage     = 130
	maxAlias       = 512
	maxDescription = 15_000
	maxTags        = 20 // tags
	maxTag         = 50
	maxDetails     = 8_000 // names and values together
	maxEntity      = 512
	maxSource      = 100
	maxNote        = 25_000
	maxRecipients  = 50 // of responders, and of visibleTo
)

const defaultPriority = "P3"

func priorities() []string { return []string{"P1", "P2", "P3", "P4", "P5"} }

// Check checks what can be known before the first event. A service that knows
// recipients by their ID alone wants byID.
func (c Config) Check(byID bool) error {
	if c.Message.IsZero() {
		return errors.New("message: is empty")
	}
	if p := c.Priority; isConstant(p) && !p.IsZero() && !slices.Contains(priorities(), p.Text) {
		return p.Position.Errorf("priority: want P1 to P5, got %q", p.Text)
	}
	if n := len(c.Tags); n > maxTags {
		return fmt.Errorf("tags: %d are more than the %d that an alert has", n, maxTags)
	}
	err := checkRecipients("responders", c.Responders, []string{"team", "user", "escalation", "schedule"}, byID)
	return errors.Join(err, checkRecipients("visibleTo", c.VisibleTo, []string{"team", "user"}, byID))
}

func isConstant(t sinks.Template) bool { return !strings.Contains(t.Text, "{{") }

func checkRecipients(key string, all []Recipient, types []string, byID bool) error {
	if n := len(all); n > maxRecipients {
		return fmt.Errorf("%s: %d are more than the %d that an alert has", key, n, maxRecipients)
	}
	for i, r := range all {
		at := fmt.Sprintf("%s[%d]", key, i)
		if !slices.Contains(types, r.Type) {
			return fmt.Errorf("%s: type: want %s, got %q", at, strings.Join(types, ", "), r.Type)
		}
		names := 0
		for _, t := range []sinks.Template{r.ID, r.Name, r.Username} {
			if !t.IsZero() {
				names++
			}
		}
		if byID && (names != 1 || r.ID.IsZero()) {
			return fmt.Errorf("%s: want an id; the service knows no other names", at)
		}
		if names != 1 {
			return fmt.Errorf("%s: want one of id, name and username", at)
		}
	}
	return nil
}
