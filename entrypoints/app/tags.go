package app

import (
	"runtime/debug"
	"slices"
	"strings"
)

// buildTags are the tags this binary was built with that say what it leaves out,
// such as slim,aws; "" for one that has everything.
func buildTags() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, setting := range info.Settings {
		if setting.Key == "-tags" {
			return slimTags(setting.Value)
		}
	}
	return ""
}

// slimTags are those of all tags. Without slim, aws and gcp mean nothing.
func slimTags(all string) string {
	tags := strings.Split(all, ",")
	if !slices.Contains(tags, "slim") {
		return ""
	}
	return strings.Join(slices.DeleteFunc([]string{"slim", "aws", "gcp"}, func(tag string) bool {
		return !slices.Contains(tags, tag)
	}), ",")
}
