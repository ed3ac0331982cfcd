package sinks

// Noter is a Sink that keeps notes from run to run, such as which message began a
// conversation.
type Noter interface {
	// KeepsNotes reports whether it does, as it is configured.
	KeepsNotes() bool
	// UseNotes gives it those of its receiver, before the first Send of a run. A sink
	// that is opened for something else than a run is given none.
	UseNotes(n Notes)
}

// Notes go with the receiver's cursor. They are bounded, the oldest are forgotten
// first, and what was noted shortly before a crash is lost: whether an event
// arrives may not depend on a note. May be called concurrently.
type Notes interface {
	Get(key string) (value string, found bool)
	Add(key, value string) (forgot bool)
	Remove(key string) (found bool)
}
