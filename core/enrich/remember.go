package enrich

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// byNameTTL is for what is known by its name only: the name may be given to
	// another object.
	byNameTTL = time.Minute
	// brokenTTL is how long an API is left alone that cannot answer.
	brokenTTL = time.Minute
	// largest is how much text an object may have to be remembered, in bytes. It
	// bounds the cache; a larger object is asked for once per page.
	largest = 16 << 10
)

// remembered are facts with the time until which they are good. The library's
// own expiring cache has one time for all entries, and a goroutine that never
// ends.
type remembered struct {
	facts *facts
	until time.Time
}

func newCache[K comparable, V any](size int) *lru.Cache[K, V] {
	c, err := lru.New[K, V](size)
	if err != nil {
		panic(err) // only for a size that is not positive, and all of ours are
	}
	return c
}

// keep remembers what the API server said of an object.
func (p *page) keep(o object, f *facts) {
	if f.size() > largest {
		return
	}
	ttl := p.CacheTTL
	if o.uid == "" {
		ttl = min(ttl, byNameTTL)
	}
	p.objects.Add(o, remembered{f, p.now.Add(ttl)})
}

// settle is keep for an object that this page asked for.
func (p *page) settle(o object, f *facts) {
	p.keep(o, f)
	p.mu.Lock()
	p.found[o] = f
	p.mu.Unlock()
}

func (f *facts) size() int {
	n := 0
	for _, m := range []map[string]string{f.labels, f.annotations} {
		for key, value := range m {
			n += len(key) + len(value)
		}
	}
	return n
}
