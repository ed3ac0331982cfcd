package soak

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/packetboat/packetboat/entrypoints/proving"
)

// A judge compares what was written with what came to a receiver.
//
// A replay hands out every version, so that one that is missing was lost, unless
// a read in windows stood in between. Windows hand out, in order, the versions
// that are the newest when they list; so what they skip was replaced, deleted or
// expired before, and nothing newer has come to that receiver before them. For
// one that expired without ever having been replaced or deleted, the processes
// must have reported a gap.
type judge struct {
	objects      map[string]object
	upTo         uint64 // what was written later is not asked for
	passes, gaps []span
	blindTo      func(version uint64) bool
}

// A verdict is on one receiver.
type verdict struct {
	delivered, again int
	skipped          int // by windows: a newer version was there, or none any more
	expired          int // in a gap
	lost, foreign    []string
	unproven         int // came and was written while nobody recorded
}

func (v verdict) String() string {
	return fmt.Sprintf("%d versions delivered, %d of them again; %d skipped by windows, %d expired in a gap, %d not seen by the recorder",
		v.delivered, v.again, v.skipped, v.expired, v.unproven)
}

func (v verdict) err() error {
	return errors.Join(proving.Mistake("lost", v.lost), proving.Mistake("never written but arrived", v.foreign))
}

// late is how much later than it is counted a read may list: its request is
// tried again for so long. It is also how much later than it happens something
// may become known.
const late = 15 * time.Second

func (j judge) on(a *arrivals) (v verdict) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for uid, o := range j.objects {
		if o.marker {
			continue
		}
		all := o.versions()
		for i, version := range all {
			id := identity(uid, version)
			if n := a.times[id]; n > 0 {
				v.delivered++
				v.again += n - 1
				continue
			}
			if version > j.upTo {
				continue
			}
			over, newest := o.gone, i == len(all)-1
			if !newest {
				over = o.seen[all[i+1]]
			}
			passed, did := a.passed(version)
			if !did {
				passed = time.Now()
			}
			switch {
			case over.IsZero() || !anyIn(j.passes, over, passed):
				v.lost = append(v.lost, id)
			case !newest || o.deleted:
				v.skipped++
			case anyIn(j.gaps, over, passed):
				v.expired++
			default:
				v.lost = append(v.lost, id)
			}
		}
	}
	j.strangers(a, &v)
	return v
}

// lags are how long after they were known versions came, shortest first.
func (j judge) lags(a *arrivals) (all []time.Duration) {
	seen := map[uint64]time.Time{}
	for _, o := range j.objects {
		maps.Copy(seen, o.seen)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.rises {
		if at, ok := seen[r.version]; ok {
			all = append(all, max(r.at.Sub(at), 0).Round(time.Millisecond))
		}
	}
	slices.Sort(all)
	return all
}

// anyIn reports whether one of the spans may have been after over and before
// passed.
func anyIn(spans []span, over, passed time.Time) bool {
	for _, s := range spans {
		if s.after.Before(passed) && s.upTo.After(over.Add(-late)) {
			return true
		}
	}
	return false
}

// strangers are what came and was not written.
func (j judge) strangers(a *arrivals, v *verdict) {
	known := map[string]bool{}
	for uid, o := range j.objects {
		for version := range o.seen {
			known[identity(uid, version)] = !o.marker
		}
	}
	for id := range a.times {
		switch {
		case known[id]:
		case j.blindTo(a.found[id]):
			v.unproven++
		default:
			v.foreign = append(v.foreign, id)
		}
	}
}
