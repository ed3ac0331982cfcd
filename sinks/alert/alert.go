// Package alert is what the sinks that open alerts have in common: the name
// under which events are one alert, texts that fit their place in it, and the
// alert as Opsgenie and its successor in Jira Service Management take it.
//
// An alert is named, so that what happens again repeats the open one instead of
// opening another, and a repetition after a lost reply does no harm. All that is
// here may be used concurrently.
package alert

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// Name is the alert that an event belongs to: that of its involved object, by
// its name in its cluster, and of its reason.
func Name(ev *event.Event) string {
	o := ev.InvolvedObject
	return digest("object", ev.ClusterName, o.Kind, o.Namespace, o.Name, ev.Reason)
}

// NameOfDigest is the alert of a digest: that of its group if it is about one, so
// that the group has one alert for all its digests, and else one of its own.
func NameOfDigest(d *sinks.Digest) string {
	if len(d.Groups) == 1 && d.MoreGroups == 0 {
		return digest("group", d.Cluster, d.Groups[0].Key)
	}
	return digest("digest", d.ID)
}

// Foremost is the event that a digest's fields are rendered on: the newest of its
// most urgent group.
func Foremost(d *sinks.Digest) *event.Event {
	if len(d.Groups) > 0 {
		return d.Groups[0].Newest
	}
	return d.Newest
}

// digest holds no text of an event, which could pretend to be another alert.
func digest(parts ...string) string {
	sum := sha256.New()
	for _, p := range parts {
		_, _ = sum.Write(binary.AppendUvarint(nil, uint64(len(p))))
		_, _ = sum.Write([]byte(p))
	}
	return "packetboat-" + hex.EncodeToString(sum.Sum(nil)[:16])
}

// Naming compiles a template for the names of alerts, of at most so many
// characters. Where it gives none the name is Name.
func Naming(c sinks.Compiler, key string, t sinks.Template, limit int) (Text, error) {
	text, err := Line(c, key, t, 0)
	if err != nil {
		return nil, err
	}
	return func(ev *event.Event) (string, error) {
		name, err := text(ev)
		switch {
		case err != nil:
			return "", err
		case name == "":
			return Name(ev), nil
		case utf8.RuneCountInString(name) > limit || strings.Trim(name, ".") == "":
			// Cut, two long ones could become one; and dots are a way up in a URL.
			return digest("text", name), nil
		}
		return name, nil
	}, nil
}
