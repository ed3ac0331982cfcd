package config

import (
	"errors"
	"regexp"
)

// Enrich says of which involved objects labels, annotations and owners are
// looked up.
type Enrich struct {
	Kinds []ObjectKind `yaml:"kinds"` // default all
}

// ObjectKind is a kind of object, KIND in any group or GROUP/KIND.
type ObjectKind string

// UnmarshalText takes the two spellings, and says so to those that kubectl has
// for resources.
func (k *ObjectKind) UnmarshalText(text []byte) error {
	if !objectKind.Match(text) {
		return errObjectKind
	}
	*k = ObjectKind(text)
	return nil
}

// No group is called v1: what looks like one is the apiVersion of the core group.
var (
	objectKind    = regexp.MustCompile(`^(?:(?:[a-uw-z][a-z0-9.-]*|v[a-z.-][a-z0-9.-]*)/)?[A-Z][A-Za-z0-9]*$`)
	errObjectKind = errors.New("want a kind such as Pod, or a group and a kind such as apps/Deployment, without version")
)
