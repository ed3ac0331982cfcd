package route

import "github.com/packetboat/packetboat/core/event"

// rules are those of one node. Most of many rules ask for one value of some
// field, and all but a few for another one than the event has: these are found
// by that value, so that the others cost nothing.
type rules struct {
	all     []rule
	lookups []lookup
	rest    []int // indexes of those that are tried on every event
}

// lookup finds rules by the value of one field.
type lookup struct {
	key   string
	value func(ev *event.Event) string
	rules map[string][]int // indexes, ascending
}

// fewRules are tried one after the other as fast as they are looked up.
const fewRules = 8

func indexed(all []rule) rules {
	out := rules{all: all}
	if len(all) < fewRules {
		for i := range all {
			out.rest = append(out.rest, i)
		}
		return out
	}
	values := distinct(all)
	for i := range all {
		best := -1
		for j, c := range all[i].conditions {
			if exact(&c) && (best < 0 || values[c.key] > values[all[i].conditions[best].key]) {
				best = j
			}
		}
		if best < 0 {
			out.rest = append(out.rest, i)
			continue
		}
		out.add(&all[i].conditions[best], i)
	}
	return out
}

// exact reports whether a condition names the values that it wants.
func exact(c *condition) bool { return c.kind == text && c.matcher.equals != nil }

// distinct counts the values that are asked for by field: the more there are,
// the more rules an event's one value leaves out.
func distinct(all []rule) map[string]int {
	seen, count := map[[2]string]bool{}, map[string]int{}
	for i := range all {
		for _, c := range all[i].conditions {
			if !exact(&c) {
				continue
			}
			for _, value := range c.matcher.equals {
				if at := [2]string{c.key, value}; !seen[at] {
					seen[at] = true
					count[c.key]++
				}
			}
		}
	}
	return count
}

func (r *rules) add(c *condition, index int) {
	at := 0
	for at < len(r.lookups) && r.lookups[at].key != c.key {
		at++
	}
	if at == len(r.lookups) {
		r.lookups = append(r.lookups, lookup{key: c.key, value: c.value, rules: map[string][]int{}})
	}
	byValue := r.lookups[at].rules
	for _, value := range c.matcher.equals {
		// An alternative may be written twice.
		if same := byValue[value]; len(same) == 0 || same[len(same)-1] != index {
			byValue[value] = append(same, index)
		}
	}
}

// first is the first rule that matches, nil if there is none.
func (r *rules) first(ev *event.Event) *rule {
	found := r.firstOf(ev, r.rest, len(r.all))
	for i := range r.lookups {
		found = r.firstOf(ev, r.lookups[i].rules[r.lookups[i].value(ev)], found)
	}
	if found == len(r.all) {
		return nil
	}
	return &r.all[found]
}

func (r *rules) firstOf(ev *event.Event, candidates []int, before int) int {
	for _, i := range candidates {
		if i >= before {
			break
		}
		if r.all[i].failed(ev) == nil {
			return i
		}
	}
	return before
}

// matching calls matched with every rule that matches, in no order, and returns
// how many there were.
func (r *rules) matching(ev *event.Event, matched func(*rule)) (n int) {
	try := func(candidates []int) {
		for _, i := range candidates {
			if r.all[i].failed(ev) == nil {
				matched(&r.all[i])
				n++
			}
		}
	}
	try(r.rest)
	for i := range r.lookups {
		try(r.lookups[i].rules[r.lookups[i].value(ev)])
	}
	return n
}
