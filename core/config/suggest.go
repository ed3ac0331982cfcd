package config

import (
	"fmt"
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
