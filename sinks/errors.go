package sinks

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Permanent marks err as a fault of the record itself: this record can never be
// accepted by this receiver (malformed for it, too large, 400, 413 and 422
// where the service answers for one record). Permanent(nil) is nil.
func Permanent(err error) error { return mark(err, func(v *verdict) { v.permanent = true }) }

// Stop marks err as a fault of the receiver: a wrong token, address or name
// (401, 403, 404). Nothing more is sent to it in this run and its cursor stays.
// Stop(nil) is nil.
func Stop(err error) error { return mark(err, func(v *verdict) { v.stop = true }) }

// RetryAfter marks err as transient with the service's own word that a further
// attempt before d is useless. RetryAfter(nil, d) is nil.
func RetryAfter(err error, d time.Duration) error {
	return mark(err, func(v *verdict) { v.retryAfter = d })
}

// IsPermanent reports whether err says that the record can never be accepted.
func IsPermanent(err error) bool { return find(err).permanent }

// IsStop reports whether err says that the receiver itself is wrong.
func IsStop(err error) bool { return find(err).stop }

// RetryDelay is the delay that the service asked for, 0 if it named none.
func RetryDelay(err error) time.Duration { return find(err).retryAfter }

// PartialError says that a batch was accepted but for some of its records.
type PartialError struct {
	// Refused is by index into the batch. Each error is judged like one of
	// Send: permanent or transient.
	Refused map[int]error
	// Unknown counts records that were refused without the service saying
	// which. If it is not 0 every record that is not in Refused counts as not
	// accepted and is sent again.
	Unknown int
}

func (e *PartialError) Error() string {
	if len(e.Refused) == 0 {
		return fmt.Sprintf("%d of the batch refused", e.Unknown)
	}
	first := slices.Min(slices.Collect(maps.Keys(e.Refused)))
	return fmt.Sprintf("%d of the batch refused, the first of them: %v", len(e.Refused)+e.Unknown, e.Refused[first])
}

type verdict struct {
	err        error
	permanent  bool
	stop       bool
	retryAfter time.Duration
}

func (v *verdict) Error() string { return v.err.Error() }
func (v *verdict) Unwrap() error { return v.err }

func mark(err error, set func(*verdict)) error {
	if err == nil {
		return nil
	}
	v := &verdict{err: err}
	set(v)
	return v
}

func find(err error) verdict {
	var v *verdict
	if errors.As(err, &v) {
		return *v
	}
	return verdict{}
}
