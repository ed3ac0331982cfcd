package deliver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/sinks"
)

// send delivers one batch, or returns why some of it stays owed.
func (d *delivery) send(batch []item) error {
	attempts := 0
	left := batch
	return d.persist("send", func() (progress bool, err error) {
		if err := d.mayWeSend(); err != nil {
			d.barred.Store(true)
			return false, &stopError{err}
		}
		attempts++
		err = d.attempt(left)
		if err == nil {
			d.accepted(left)
			return true, nil
		}
		if d.ctx.Err() != nil {
			return false, err
		}
		return d.judge(&left, err, attempts)
	})
}

// judge settles what an error settles, leaves in batch what is to be sent again,
// and returns nil when nothing is.
func (d *delivery) judge(batch *[]item, err error, attempts int) (progress bool, _ error) {
	var partial *sinks.PartialError
	switch {
	case errors.As(err, &partial):
		return d.partial(batch, partial, attempts)
	case sinks.IsStop(err):
		return false, &stopError{err}
	case !sinks.IsPermanent(err):
		return false, err
	case len(*batch) == 1:
		d.refuse((*batch)[0], err, attempts)
		return true, nil
	}
	// The service refused the batch as a whole. Halving finds the records it
	// means, so that one of them cannot hold up the others.
	half := len(*batch) / 2
	for _, part := range [][]item{(*batch)[:half], (*batch)[half:]} {
		if err := d.send(part); err != nil {
			return false, &stopError{err}
		}
	}
	return true, nil
}

// partial settles what was accepted and what can never be.
func (d *delivery) partial(batch *[]item, partial *sinks.PartialError, attempts int) (progress bool, err error) {
	var accepted, again []item
	var refused []suspect
	for i, it := range *batch {
		reason, named := partial.Refused[i]
		switch {
		case named && sinks.IsStop(reason):
			err = &stopError{reason}
			again = append(again, it)
		case named && sinks.IsPermanent(reason):
			refused = append(refused, suspect{it, reason, attempts})
		case named || partial.Unknown > 0:
			again = append(again, it)
		default:
			accepted = append(accepted, it)
		}
	}
	d.suspects.add(refused)
	d.accepted(accepted)
	d.stopIfAllRefused()
	progress = len(again) < len(*batch)
	*batch = again
	if err == nil && len(again) > 0 {
		err = worst(partial)
	}
	return progress, err
}

// worst is the partial failure as one error, with the longest delay that any
// record was given.
func worst(partial *sinks.PartialError) error {
	var delay time.Duration
	for _, err := range partial.Refused {
		delay = max(delay, sinks.RetryDelay(err))
	}
	return sinks.RetryAfter(partial, delay)
}

// attempt calls Send once.
func (d *delivery) attempt(batch []item) error {
	records := make([]sinks.Record, len(batch))
	for i, it := range batch {
		records[i] = it.record
	}
	ctx, cancel := context.WithTimeout(d.ctx, d.Timeout)
	defer cancel()
	d.stats.attempts.add(1)
	began := time.Now()
	err := d.Sink.Send(ctx, records)
	d.Metrics.Duration.Observe(time.Since(began).Seconds())
	if err != nil {
		d.Metrics.Failed(d.outcome(err))
	}
	return err
}

// outcome is what an error of Send counts as: of a partial failure, the worst
// for the records that are left.
func (d *delivery) outcome(err error) metrics.Outcome {
	if d.ctx.Err() != nil {
		return metrics.Interrupted
	}
	var partial *sinks.PartialError
	if !errors.As(err, &partial) {
		return verdict(err)
	}
	worst := metrics.Permanent
	if partial.Unknown > 0 {
		worst = metrics.Transient
	}
	for _, reason := range partial.Refused {
		switch verdict(reason) {
		case metrics.Stopped:
			return metrics.Stopped
		case metrics.Transient:
			worst = metrics.Transient
		}
	}
	return worst
}

func verdict(err error) metrics.Outcome {
	switch {
	case sinks.IsStop(err):
		return metrics.Stopped
	case sinks.IsPermanent(err):
		return metrics.Permanent
	}
	return metrics.Transient
}

func (d *delivery) accepted(items []item) {
	if len(items) == 0 {
		return
	}
	for _, it := range items {
		d.stats.bytes.add(len(it.record.Body))
	}
	d.answered.Store(true)
	d.Metrics.Up.Set(1)
	d.stats.delivered.add(len(items))
	d.stats.batches.add(1)
	d.settle(items...)
	// The receiver takes records, so those it refused before were at fault themselves.
	d.burySuspects()
}

// stopError ends persist at once.
type stopError struct{ err error }

func (e *stopError) Error() string { return e.err.Error() }
func (e *stopError) Unwrap() error { return e.err }

// persist calls attempt until it returns nil, an error that a repeat cannot
// mend, or the budget since the first failure without progress is spent.
func (d *delivery) persist(operation string, attempt func() (progress bool, err error)) error {
	policy := d.policy()
	var failing time.Time
	var failure error // the last one before ctx ended
	for {
		progress, err := attempt()
		if err == nil {
			return nil
		}
		var stop *stopError
		if errors.As(err, &stop) {
			return stop.err
		}
		if d.ctx.Err() != nil {
			return d.endedFailing(failure)
		}
		failure = err
		if progress || failing.IsZero() {
			failing = time.Now()
			policy.Reset()
		}
		wait := max(policy.NextBackOff(), sinks.RetryDelay(err))
		if time.Since(failing)+wait > d.Retry.Budget {
			return fmt.Errorf("gave up after %s of retries, what is owed is kept for the next run: %w", d.Retry.Budget, err)
		}
		d.Log.Warn("delivery failed, trying again", "operation", operation, "error", err, "in", wait.Round(time.Millisecond))
		if !sleep(d.ctx, wait) {
			return d.endedFailing(failure)
		}
	}
}

// policy is exponential backoff with full jitter: a delay is anything between
// nothing and a bound that doubles. The library spreads by a factor around the
// middle, so its middle is half of our bound.
func (d *delivery) policy() *backoff.ExponentialBackOff {
	p := backoff.NewExponentialBackOff()
	p.InitialInterval, p.MaxInterval = d.Retry.Initial/2, d.Retry.Max/2
	p.RandomizationFactor, p.Multiplier = 1, 2
	p.Reset()
	return p
}

func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
