package config

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/sinks"
)

// Digest asks for messages that stand for many events.
type Digest struct {
	// By is what the events of a group have in common: words (see GroupWords) or
	// templates; default namespace, kind, owner, reason.
	By    []sinks.Template `yaml:"by"`
	As    DigestAs         `yaml:"as"`    // default run
	Top   int              `yaml:"top"`   // groups that are told by name; default 10
	Every time.Duration    `yaml:"every"` // in watch mode; default 5m. A run that ends tells once, at its end
}

// DigestAs says how many messages a digest is.
type DigestAs string

// One message for all groups, or one for each.
const (
	DigestAsRun   DigestAs = "run"
	DigestAsGroup DigestAs = "group"
)

// Suppress holds back what was told a moment ago, unless it got worse.
type Suppress struct {
	For time.Duration `yaml:"for"` // must be set
	// By is as in Digest. With a Digest the groups are the digest's.
	By []sinks.Template `yaml:"by"`
}

// GroupWords are the words that stand for a template in a By.
func GroupWords() map[string]string {
	return map[string]string{
		"cluster":   "{{ .ClusterName }}",
		"namespace": "{{ .InvolvedObject.Namespace }}",
		"kind":      "{{ .InvolvedObject.Kind }}",
		"name":      "{{ .InvolvedObject.Name }}",
		"owner":     "{{ .Owner }}",
		"reason":    "{{ .Reason }}",
		"type":      "{{ .Type }}",
		"action":    "{{ .Action }}",
		"component": "{{ .Component }}",
		"host":      "{{ .Host }}",
		"message":   "{{ .Message }}",
	}
}

func defaultGroup() []sinks.Template {
	return []sinks.Template{{Text: "namespace"}, {Text: "kind"}, {Text: "owner"}, {Text: "reason"}}
}

// checkDigest checks a receiver's digest, suppress and autoClose, and fills in
// their defaults.
func (l *loader) checkDigest(in place, r *Receiver) {
	if r.Digest != nil {
		l.checkMessages(in, r.Digest)
	}
	if s := r.Suppress; s != nil {
		n := find(in.node, "suppress")
		switch value := find(n, "for"); {
		case n.Kind != yaml.MappingNode: // that was said
		case value == nil || isNull(value):
			l.wrong(in, "suppress.for", "is missing", "for how long a group that was told is not told again, such as 1h")
		case s.For <= 0:
			l.wrong(in, "suppress.for", "must be more than 0", "")
		}
		if r.Digest != nil && len(s.By) > 0 {
			l.wrong(in, "suppress.by", "the groups are those of digest.by", "remove it")
		}
		l.checkGroup(in, "suppress.by", &s.By)
	}
	if r.AutoClose != 0 && r.AutoClose < time.Minute {
		l.wrong(in, "autoClose", "want 1m or more", "")
	}
}

func (l *loader) checkMessages(in place, d *Digest) {
	l.checkGroup(in, "digest.by", &d.By)
	if d.As == "" {
		d.As = DigestAsRun
	}
	if d.As != DigestAsRun && d.As != DigestAsGroup {
		l.wrong(in, "digest.as", "want run or group", suggest(string(d.As), []string{"run", "group"}))
	}
	if d.Top < 0 {
		l.wrong(in, "digest.top", "cannot be negative", "")
	}
	if d.Every == 0 {
		d.Every = 5 * time.Minute
	}
	if d.Every < time.Second {
		l.wrong(in, "digest.every", "want 1s or more", "")
	}
}

func (l *loader) checkGroup(in place, key string, by *[]sinks.Template) {
	if len(*by) == 0 {
		*by = defaultGroup()
	}
	words := GroupWords()
	for _, t := range *by {
		if _, known := words[t.Text]; known || strings.Contains(t.Text, "{{") {
			continue
		}
		var names []string
		for word := range words {
			names = append(names, word)
		}
		slices.Sort(names)
		l.wrong(in, key, "want templates, or of the words "+strings.Join(names, ", "), suggest(t.Text, names))
	}
}
