package config

import "time"

// Watch is for watch mode.
type Watch struct {
	// CommitInterval is the least time between two commits of the checkpoint; what
	// was sent since the last one is sent again after a kill. Default 5s.
	CommitInterval time.Duration `yaml:"commitInterval"`
	// Heartbeat is how often the marker is written while nothing else happens, so
	// that no news can be told from a broken watch; 0 writes none. Default 1m.
	Heartbeat time.Duration `yaml:"heartbeat"`
}

func defaultWatch() Watch { return Watch{CommitInterval: 5 * time.Second, Heartbeat: time.Minute} }

func (l *loader) checkWatch(top place) {
	w := l.config.Watch
	if w.CommitInterval < 0 {
		l.wrong(top, "watch.commitInterval", "cannot be negative", "")
	}
	if w.Heartbeat != 0 && w.Heartbeat < time.Second {
		l.wrong(top, "watch.heartbeat", "want 1s or more, or 0 for none", "")
	}
}
