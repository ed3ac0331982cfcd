// Package secret holds values that must never be printed: passwords, tokens
// and keys out of a configuration.
//
// A String prints as <secret> however it is formatted, logged or marshalled.
// Only Reveal gives the value, so that a search for Reveal finds every place
// where a secret leaves the process. A Reference names a secret that is kept
// somewhere else; this package knows how it is spelt, not how it is fetched.
//
// Values are immutable and may be shared between goroutines; one made by Later
// is set before it is shared.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

const mask = "<secret>"

// String is a secret text. The zero String is an absent secret. Two Strings are
// not compared with ==, which tells whether they are copies of one.
type String struct {
	// In a struct's unexported field fmt cannot call our methods: it prints the
	// pointer then, and would print a string.
	value *string
}

// New wraps a value.
func New(value string) String {
	if value == "" {
		return String{}
	}
	return String{value: &value}
}

// Later is a secret whose value is not known yet. It and its copies reveal
// standIn until set is called, which must be before others use them.
func Later(standIn string) (s String, set func(value string)) {
	value := &standIn
	return String{value: value}, func(v string) { *value = v }
}

// Reveal returns the value itself.
func (s String) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether no secret was given.
func (s String) IsZero() bool { return s.value == nil }

// String returns the mask, or "" for an absent secret.
func (s String) String() string {
	if s.IsZero() {
		return ""
	}
	return mask
}

// Format prints the mask for every verb, %#v and %+v included.
func (s String) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, s.String()) }

// LogValue makes slog print the mask.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText makes JSON and YAML print the mask.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the value from a configuration.
func (s *String) UnmarshalText(text []byte) error {
	*s = New(string(text))
	return nil
}
