// Package digest makes one message of many events: it groups them, counts what
// happened since the last time, and holds back what was told a moment ago.
//
// What it must know from run to run is a Memory, which goes with the receiver's
// cursor: both are committed together or not at all, so that a run that died is
// repeated with the memory it began with and says the same again. A Memory is
// bounded, and nothing in it decides whether an event is owed: when it forgets, a
// count is too low or a message comes too early.
package digest
