package opscenter

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/awsclient"
)

// Config is what stands below opscenter: in a receiver. All templates are
// rendered for each event.
type Config struct {
	// Title, Description and Source must not be empty.
	Title       sinks.Template `yaml:"title"`
	Description sinks.Template `yaml:"description"`
	Source      sinks.Template `yaml:"source"`
	// Category and Severity are those of OpsCenter, empty for none.
	Category sinks.Template `yaml:"category"`
	Severity sinks.Template `yaml:"severity"`
	// Priority is 1 to 5, or empty.
	Priority sinks.Template `yaml:"priority"`
	// Notifications are ARNs of SNS topics that hear of changes.
	Notifications []sinks.Template `yaml:"notifications"`
	// OperationalData are searchable.
	OperationalData map[string]sinks.Template `yaml:"operationalData"`
	// RelatedOpsItems are IDs of OpsItems.
	RelatedOpsItems []string `yaml:"relatedOpsItems"`
	// Tags of the OpsItem; their values are rendered for each event.
	Tags map[string]sinks.Template `yaml:"tags"`
	// DedupString makes OpsCenter take no second item while one with the same is
	// open; by default the event's ID.
	DedupString sinks.Template `yaml:"dedupString"`

	AWS awsclient.Config `yaml:",inline"`
}

func defaults() Config {
	return Config{
		Title:       sinks.Template{Text: "{{ .InvolvedObject.Kind }} {{ .InvolvedObject.Name }}: {{ .Reason }}"},
		Description: sinks.Template{Text: "{{ default .Reason .Message }}"},
		Source:      sinks.Template{Text: "Kubernetes"},
	}
}

const (
	maxDataKey = 128
	maxTags    = 50
)

func (c Config) check() error {
	for name, value := range map[string]sinks.Template{"title": c.Title, "description": c.Description, "source": c.Source} {
		if value.IsZero() {
			return fmt.Errorf("%s: is empty", name)
		}
	}
	if !strings.Contains(c.Source.Text, "{{") && hasAny(strings.ToLower(c.Source.Text), "aws", "amazon", "amzn") {
		return c.Source.Position.Errorf("source: OpsCenter takes none that contains aws, amazon or amzn")
	}
	for _, key := range slices.Sorted(maps.Keys(c.OperationalData)) {
		name := strings.TrimPrefix(strings.ToLower(key), "/")
		if name == "" || len(key) > maxDataKey || startsWithAny(name, "aws", "amazon", "amzn", "ssm") {
			return c.OperationalData[key].Position.Errorf("operationalData: %q is not a key that OpsCenter takes", key)
		}
	}
	if len(c.Tags) > maxTags {
		return fmt.Errorf("tags: %d are more than %d", len(c.Tags), maxTags)
	}
	for _, key := range slices.Sorted(maps.Keys(c.Tags)) {
		if key == "" || len(key) > maxDataKey || tagText(key) != key || strings.HasPrefix(strings.ToLower(key), "aws:") {
			return c.Tags[key].Position.Errorf("tags: %q is not a key that AWS takes", key)
		}
	}
	return nil
}

func hasAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(text, p) })
}

func startsWithAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.HasPrefix(text, p) })
}
