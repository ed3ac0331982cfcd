package digest

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Notes are a sink's part of a Memory. They may be used concurrently.
type Notes struct {
	mu      sync.Mutex
	texts   *simplelru.LRU[uint64, string]
	changed bool
	forgot  int
}

func newNotes(limit int) *Notes {
	n := &Notes{}
	n.texts, _ = simplelru.NewLRU[uint64, string](limit, nil)
	return n
}

// Get returns what was noted.
func (n *Notes) Get(key string) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.texts.Get(hash(key))
}

// Add notes a value in place of the one before. It reports whether another note
// had to go.
func (n *Notes) Add(key, value string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.changed = true
	forgot := n.texts.Add(hash(key), value)
	if forgot {
		n.forgot++
	}
	return forgot
}

// Remove forgets a note.
func (n *Notes) Remove(key string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.changed = true
	return n.texts.Remove(hash(key))
}

// news reports whether there was an Add since the last call, and how many notes
// had to go for it.
func (n *Notes) news() (changed bool, forgot int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	changed, forgot = n.changed, n.forgot
	n.changed, n.forgot = false, 0
	return changed, forgot
}

func (n *Notes) load(notes []storedNote) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, note := range notes {
		n.texts.Add(note.Key, note.Text)
	}
}

func (n *Notes) stored() (notes []storedNote) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, key := range n.texts.Keys() {
		text, _ := n.texts.Peek(key)
		notes = append(notes, storedNote{Key: key, Text: text})
	}
	return notes
}

func (n *Notes) drop() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return drop(n.texts)
}
