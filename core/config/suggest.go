package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// suggest says which of the candidates word was surely meant to be, "" if none
// is near. A difference in case only is the nearest.
func suggest(word string, candidates []string) string {
	best, distance := "", max(len(word)/3, 1)+1
	for _, c := range candidates {
		if abs := len(word) - len(c); abs >= distance || -abs >= distance {
			continue
		}
		if d := levenshtein.ComputeDistance(strings.ToLower(word), strings.ToLower(c)); d < distance {
			best, distance = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// KnowsReceivers returns an error, with what was surely meant, unless all of
// these are names of configured receivers.
func (c *Config) KnowsReceivers(names ...string) error {
	known := make([]string, len(c.Receivers))
	for i, r := range c.Receivers {
		known[i] = r.Name
	}
	for _, name := range names {
		if slices.Contains(known, name) {
			continue
		}
		if hint := suggest(name, known); hint != "" {
			return fmt.Errorf("receiver %q is not in the configuration: %s", name, hint)
		}
		return fmt.Errorf("receiver %q is not in the configuration", name)
	}
	return nil
}
